//! The limits of the node, told to whoever runs it.

use akidb_core::{Limits, Result};

use crate::{LimitInfo, Operation, RequestContext, Service};

impl Service {
    /// Every limit of `[limits]`, with what the node was started with.
    ///
    /// # Errors
    /// When the node takes no requests, or the key does not do.
    pub async fn limits_in_force(&self, context: &RequestContext) -> Result<Vec<LimitInfo>> {
        self.run(context, Operation::Limits, async {
            let table = Limits::TABLE.iter().zip(self.limits().values());
            Ok(table
                .map(|(&(name, default, meaning), (_, value))| LimitInfo {
                    name,
                    value: value as u64,
                    default: default as u64,
                    meaning: meaning.trim(),
                })
                .collect())
        })
        .await
    }
}
