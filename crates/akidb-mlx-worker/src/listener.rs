//! The thread that reads what the node asks, whatever Python is doing.

use std::{fs::File, io, sync::mpsc::Sender, thread, time::Instant};

use akidb_embedding::mlx::protocol::{Frame, FrameKind, Pong, ProtocolError, read_frame};

use crate::{answers::Answers, memory, streams};

/// Something that only the thread of the model can answer.
pub(crate) struct Job {
    pub(crate) frame: Frame,
    pub(crate) arrived_at: Instant,
}

/// Reads until the node has gone, and ends the process then.
pub(crate) fn start(requests: File, answers: Answers, jobs: Sender<Job>) -> io::Result<()> {
    let listen = move || {
        let ended = listen(requests, &answers, &jobs);
        if let Err(error) = &ended {
            streams::log(&format!("the worker ends: {error}"));
        }
        streams::end_at_once();
    };
    thread::Builder::new().name("listener".to_owned()).spawn(listen).map(drop)
}

fn listen(mut requests: File, answers: &Answers, jobs: &Sender<Job>) -> Result<(), ProtocolError> {
    while let Some(frame) = read_frame(&mut requests)? {
        match frame.kind {
            FrameKind::Ping => {
                let pong = Pong { resident_bytes: memory::resident_bytes().unwrap_or_default() };
                answers.message(FrameKind::Pong, frame.request, &pong)?;
            }
            FrameKind::Encode | FrameKind::Statistics => {
                if jobs.send(Job { frame, arrived_at: Instant::now() }).is_err() {
                    return Ok(());
                }
            }
            found => {
                return Err(ProtocolError::Unexpected { found, request: frame.request });
            }
        }
    }
    Ok(())
}
