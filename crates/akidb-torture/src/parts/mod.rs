//! The parts of the torture set, each in a module of its own.

mod calls;
mod clock;
mod concurrency;
mod cuts;
mod damage;
mod embedder;
mod kills;
mod network;
mod pairs;
mod room;
mod soak;
mod teeth;

use crate::case::Part;

/// All parts. The full set meets the totals that `docs/reliability.md` names.
pub(crate) const ALL: &[Part] = &[
    Part {
        name: "kills",
        about: "ten times kill -9 while three workers write, and create, drop, change and name collections",
        quick: 4,
        full: 100,
        run: kills::run,
    },
    Part {
        name: "calls",
        about: "the n-th call of an operation fails, while its client waits or goes away",
        quick: 72,
        full: 666,
        run: calls::run,
    },
    Part {
        name: "cuts",
        about: "forty power cuts within one recorded run, some cut again while they recover",
        quick: 1,
        full: 50,
        run: cuts::run,
    },
    Part {
        name: "damage",
        about: "one file of any kind is damaged in one of ten ways",
        quick: 150,
        full: 2_100,
        run: damage::run,
    },
    Part {
        name: "pairs",
        about: "two faults at once, or one beside a newer or an older second file",
        quick: 11,
        full: 66,
        run: pairs::run,
    },
    Part {
        name: "concurrency",
        about: "ten thousand operations of eight clients, each read held against all writes it met",
        quick: 1,
        full: 100,
        run: concurrency::run,
    },
    Part {
        name: "room",
        about: "the disk fills up, deletes make room, and writes go on when there is some",
        quick: 2,
        full: 16,
        run: room::run,
    },
    Part {
        name: "clock",
        about: "the node is stopped and continued, and its wall clock jumps by days",
        quick: 1,
        full: 20,
        run: clock::run,
    },
    Part {
        name: "embedder",
        about: "texts meet a full queue, a passed deadline, or no model",
        quick: 3,
        full: 12,
        run: embedder::run,
    },
    Part {
        name: "network",
        about: "eleven hundred sockets stall, or a page in a browser sends what it can",
        quick: 2,
        full: 7,
        run: network::run,
    },
    Part {
        name: "soak",
        about: "the same work for long: memory, descriptors and disk level off",
        quick: 0,
        full: 1,
        run: soak::run,
    },
    Part {
        name: "teeth",
        about: "each planted fault is caught within forty cycles",
        quick: 0,
        full: teeth::NUMBER,
        run: teeth::run,
    },
];
