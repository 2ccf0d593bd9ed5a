//! Texts to vectors.

use std::time::Instant;

use akidb_core::{Error, ErrorCode, Limits, Result, check_text};
use akidb_embedding::{EmbedInputs, EmbedOptions, Lane, Truncate};

use super::backpressure::when_there_is_room;
use crate::{
    Embed, EmbedReply, EmbedRules, Operation, RequestContext, Service,
    failure::{above_limit, from_text},
};

impl Service {
    /// Embeds texts.
    ///
    /// # Errors
    /// When a text is not valid (each is named), the model is not loaded, or its queue is full.
    pub async fn embed(&self, context: &RequestContext, request: Embed) -> Result<EmbedReply> {
        let started = Instant::now();
        self.run(context, Operation::Embed, async {
            let rules = request.rules;
            rules.check_inputs(&request.inputs, self.limits())?;
            let model = self.model_named(request.model.as_deref())?;
            if matches!(request.inputs, EmbedInputs::TokenIds(_)) && !self.accepts_token_ids() {
                return Err(token_ids_refused(rules.place()));
            }
            let options = options(context, &request);
            let place_of = |index| format!("{}[{index}]", rules.place());
            let embeddings = model.embed_inputs(request.inputs, &options, place_of).await?;
            let truncated = (0_u32..).zip(&embeddings);
            let dimension = u64::from(model.identity().dimension);
            Ok(EmbedReply {
                model: model.identity().name.clone(),
                dimension: request.dimensions.unwrap_or(dimension),
                total_tokens: embeddings.iter().map(|text| u64::from(text.tokens)).sum(),
                unknown_tokens: embeddings.iter().map(|text| u64::from(text.unknown_tokens)).sum(),
                truncated: truncated.filter(|(_, text)| text.truncated).map(|(i, _)| i).collect(),
                embeddings: embeddings.into_iter().map(|text| text.values).collect(),
                took: started.elapsed(),
            })
        })
        .await
    }

    /// Embeds texts of a stream: where the queue is full or too many requests run, it is held back
    /// until its time is over, and not refused.
    ///
    /// # Errors
    /// As [`Self::embed`].
    pub async fn embed_when_there_is_room(
        &self,
        context: &RequestContext,
        request: Embed,
    ) -> Result<EmbedReply> {
        let attempt = || self.embed(context, request.clone());
        when_there_is_room(context.deadline, attempt).await
    }
}

fn options(context: &RequestContext, request: &Embed) -> EmbedOptions {
    let dimensions = request.dimensions.map(|given| usize::try_from(given).unwrap_or(usize::MAX));
    EmbedOptions {
        lane: request.rules.lane(request),
        input_type: request.input_type,
        pooling: request.pooling,
        normalize: request.normalize,
        dimensions,
        truncate: request.truncate.unwrap_or(request.rules.truncate()),
        ..context.embed_options()
    }
}

/// Ids of another vocabulary, such as those that OpenAI's clients make for OpenAI's models, are as
/// good as any to the model: they would make vectors of other texts, and nobody would notice.
fn token_ids_refused(place: &str) -> Error {
    let fault = "holds token ids, which mean nothing without the vocabulary that they are of; \
                 hint: send texts (LangChain's OpenAIEmbeddings does with \
                 check_embedding_ctx_length=False), or set embedding.accept_token_ids = true where \
                 all clients number tokens as the model's own tokenizer does";
    Error::at(ErrorCode::InvalidArgument, place, fault)
}

impl EmbedRules {
    /// The name of the list of texts.
    const fn place(self) -> &'static str {
        match self {
            Self::Own => "texts",
            Self::OpenAi => "input",
        }
    }

    const fn truncate(self) -> Truncate {
        match self {
            Self::Own => Truncate::End,
            Self::OpenAi => Truncate::None,
        }
    }

    /// A list in OpenAI's shape is somebody's batch; a person waits for a single input.
    fn lane(self, request: &Embed) -> Lane {
        match self {
            Self::OpenAi if request.inputs.len() > 1 => Lane::Bulk,
            Self::Own | Self::OpenAi => request.lane,
        }
    }

    const fn texts_max(self, limits: &Limits) -> (&'static str, usize) {
        match self {
            Self::Own => ("embed_texts", limits.embed_texts),
            Self::OpenAi => ("openai_inputs", limits.openai_inputs),
        }
    }

    fn check_inputs(self, inputs: &EmbedInputs, limits: &Limits) -> Result<()> {
        let place = self.place();
        if inputs.is_empty() {
            let fault = "must have at least one text";
            return Err(Error::at(ErrorCode::InvalidArgument, place, fault));
        }
        let (limit_name, texts_max) = self.texts_max(limits);
        if inputs.len() > texts_max {
            return Err(above_limit(place, inputs.len(), limit_name, texts_max));
        }
        let EmbedInputs::Texts(texts) = inputs else { return Ok(()) };
        let faults = texts.iter().enumerate().filter_map(|(i, text)| {
            let fault = check_text(text, limits.text_bytes).err()?;
            Some(from_text(format!("{place}[{i}]"), &fault))
        });
        Error::collect(faults.collect()).map_or(Ok(()), Err)
    }
}
