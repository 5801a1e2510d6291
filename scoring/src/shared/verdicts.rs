//! How verdicts get into Redis: once for ever. One that is there is never replaced; finding another one there is an alarm.

use super::connection::Connection;
use super::keys::hex;
use super::link::{BACKGROUND_TIMEOUT, Link, bytes, set};
use super::{Published, Unavailable};
use redis::{ErrorKind, RedisError, RedisResult, Value, cmd};

/// What became of verdicts that were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriteCounts {
    /// Were not there before.
    pub written: u64,
    /// Were there already, the same byte for byte.
    pub there: u64,
    /// Something else was there and stays there.
    pub different: u64,
}

impl Link {
    /// Writes verdicts and makes their claims last. All are there on return, or an error says that some may not be.
    pub(super) async fn write(&self, verdicts: &[Published]) -> Result<WriteCounts, Unavailable> {
        let different = self
            .call(BACKGROUND_TIMEOUT, async |connection: &mut Connection| self.write_over(connection, verdicts).await)
            .await?;
        for verdict in &different.0 {
            tracing::error!(
                tenant = &*verdict.tenant,
                transaction_id = &*verdict.transaction_id,
                "redis holds another verdict on this payment than the log; the log counts"
            );
        }
        let (different, written) = (different.0.len() as u64, different.1);
        if different > 0 {
            metrics::counter!("fraudnet_redis_different_verdicts_total").increment(different);
        }
        Ok(WriteCounts { written, there: verdicts.len() as u64 - written - different, different })
    }

    /// The verdicts that met a different one, and how many were new.
    async fn write_over<'a>(
        &self,
        connection: &mut Connection,
        verdicts: &'a [Published],
    ) -> RedisResult<(Vec<&'a Published>, u64)> {
        let mut commands = Vec::with_capacity(2 * verdicts.len());
        for verdict in verdicts {
            let (tenant, id) = (&*verdict.tenant, &*verdict.transaction_id);
            // The log decides which body the id stands for, so this may replace a claim that came to nothing; and it never ends.
            commands.push(set(&self.keys().claim(tenant, id), hex(&verdict.body_hash).as_bytes()));
            commands.push(set(&self.keys().verdict(tenant, id), &verdict.verdict).arg("NX").take());
        }
        let mut found_before = Vec::new();
        let mut replies = connection.many(commands).await?.into_iter();
        for verdict in verdicts {
            let (claim, write) = (replies.next(), replies.next());
            claim.unwrap_or_else(short)?;
            if write.unwrap_or_else(short)? == Value::Nil {
                found_before.push(verdict);
            }
        }

        let written = verdicts.len() - found_before.len();
        let looks = found_before
            .iter()
            .map(|verdict| cmd("GET").arg(self.keys().verdict(&verdict.tenant, &verdict.transaction_id)).take());
        let mut replies =
            if found_before.is_empty() { Vec::new() } else { connection.many(looks.collect()).await? }.into_iter();
        let mut different = Vec::new();
        for verdict in found_before {
            match replies.next().unwrap_or_else(short).and_then(bytes) {
                Ok(Some(there)) if *there == *verdict.verdict => {}
                Ok(Some(_)) => different.push(verdict),
                // Evicted or flushed between the two commands: the keeper tries again.
                Ok(None) => return Err((ErrorKind::Client, "a verdict vanished as it was looked at").into()),
                // Somebody put another kind of value there.
                Err(error) if error.code() == Some("WRONGTYPE") => different.push(verdict),
                Err(error) => return Err(error),
            }
        }
        Ok((different, written as u64))
    }
}

/// Stands for a reply that is missing.
fn short() -> RedisResult<Value> {
    Err(RedisError::from((ErrorKind::Client, "redis gave fewer replies than there were commands")))
}
