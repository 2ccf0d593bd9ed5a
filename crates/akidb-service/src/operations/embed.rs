//! Texts to vectors, and the models that can do it.

use std::time::Instant;

use akidb_core::{Error, ErrorCode, Result, check_text};
use akidb_embedding::EmbedOptions;

use crate::{
    Embed, EmbedReply, ModelInfo, Operation, RequestContext, Service,
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
            self.check_texts(&request.texts)?;
            let model = self.model_named(request.model.as_deref())?;
            let options = EmbedOptions {
                deadline: Some(context.deadline),
                input_type: request.input_type,
                pooling: request.pooling,
                normalize: request.normalize,
                ..EmbedOptions::default()
            };
            let embeddings =
                model.embed(request.texts, &options, |text| format!("texts[{text}]")).await?;
            let truncated = (0_u32..).zip(&embeddings);
            Ok(EmbedReply {
                model: model.identity().name.clone(),
                dimension: u64::from(model.identity().dimension),
                total_tokens: embeddings.iter().map(|text| u64::from(text.tokens)).sum(),
                truncated: truncated.filter(|(_, text)| text.truncated).map(|(i, _)| i).collect(),
                embeddings: embeddings.into_iter().map(|text| text.values).collect(),
                took: started.elapsed(),
            })
        })
        .await
    }

    /// The loaded models.
    ///
    /// # Errors
    /// When the node takes no requests.
    pub async fn models(&self, context: &RequestContext) -> Result<Vec<ModelInfo>> {
        self.run(context, Operation::Models, async {
            Ok(self.inner.model.iter().map(crate::models::Model::info).collect())
        })
        .await
    }

    /// One loaded model, the default one where no name is given.
    ///
    /// # Errors
    /// When it is not loaded.
    pub async fn model(&self, context: &RequestContext, name: Option<&str>) -> Result<ModelInfo> {
        self.run(context, Operation::Models, async { Ok(self.model_named(name)?.info()) }).await
    }

    fn check_texts(&self, texts: &[String]) -> Result<()> {
        let limits = self.limits();
        if texts.is_empty() {
            let fault = "must have at least one text";
            return Err(Error::at(ErrorCode::InvalidArgument, "texts", fault));
        }
        if texts.len() > limits.embed_texts {
            return Err(above_limit("texts", texts.len(), "embed_texts", limits.embed_texts));
        }
        let faults = texts.iter().enumerate().filter_map(|(i, text)| {
            let fault = check_text(text, limits.text_bytes).err()?;
            Some(from_text(format!("texts[{i}]"), &fault))
        });
        Error::collect(faults.collect()).map_or(Ok(()), Err)
    }
}
