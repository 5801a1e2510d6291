//! A client of the HTTP API, as a payment flow would hold one: kept-alive connections, JSON in, status and bytes out.
//!
//! No status is an error here, and nothing is retried but by the methods that say so: what a 503 or a 504 means is the caller's to decide.

use crate::access::Secret;
use crate::clock;
use crate::http::{ACTOR, ACTOR_SIGNATURE, ACTOR_TIME, DEADLINE, LabelReply, Problem, signed_message};
use crate::wire::{LabelRequest, ScoreRequest, format_timestamp};
use fraudnet_models::SecretKey;
use http_body_util::{BodyExt, Full};
pub use hyper::Method;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use hyper::{Request, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// How often a patient caller tries.
const TRIES: usize = 50;
/// Time between tries.
const RETRY_WAIT: Duration = Duration::from_millis(100);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The path is not one.
    #[error("`{0}` is no path of a URL")]
    Path(String),
    /// The connection could not be made, or broke before the whole answer was there.
    #[error("no answer from {base}: {reason}")]
    Connection {
        /// Whom it asked.
        base: String,
        /// What became of the connection.
        reason: String,
    },
    /// The answer is not what the API promises.
    #[error("the answer with status {status} cannot be read: {reason}")]
    Answer {
        /// Its status.
        status: u16,
        /// What is wrong with it.
        reason: String,
    },
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl Reply {
    /// A header as text; none where it is missing or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// Where it is not of that form.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, ClientError> {
        serde_json::from_slice(&self.body)
            .map_err(|error| ClientError::Answer { status: self.status, reason: error.to_string() })
    }

    /// What a refusal says, in words.
    pub fn detail(&self) -> String {
        match self.json::<Problem>() {
            Ok(problem) => {
                let fields = problem.errors.iter().map(|error| format!("; {error}"));
                format!("{} {}{}", self.status, problem.detail, fields.collect::<String>())
            }
            Err(_) => format!("{} without a reason", self.status),
        }
    }
}

/// Who asks for changes of what scores.
#[derive(Debug, Clone)]
pub struct Sender {
    /// Name; the key's where there is one.
    pub actor: String,
    /// Signs the requests.
    pub key: Option<SecretKey>,
}

/// Variable that holds a token.
pub const TOKEN_VARIABLE: &str = "FRAUDNET_TOKEN";

/// The token to say who one is with: out of a file where one is named, else out of the environment.
///
/// # Errors
/// Where the file cannot be read.
pub fn token(file: Option<&Path>) -> Result<Option<Secret>, String> {
    let text = match file {
        Some(file) => std::fs::read_to_string(file)
            .map_err(|error| format!("the token file `{}` cannot be read: {error}", file.display()))?,
        None => std::env::var(TOKEN_VARIABLE).unwrap_or_default(),
    };
    let text = text.trim();
    Ok((!text.is_empty()).then(|| Secret::new(text)))
}

/// Speaks to one service; cheap to clone, and clones share connections.
#[derive(Debug, Clone)]
pub struct FraudnetClient {
    base: String,
    /// Value of the `Authorization` header.
    bearer: Option<Secret>,
    pool: Client<HttpConnector, Full<Bytes>>,
}

impl FraudnetClient {
    /// A client of the service at that address. It makes as many connections as requests are under way at once.
    pub fn new(address: SocketAddr) -> FraudnetClient {
        let mut connector = HttpConnector::new();
        // A request is one small write: waiting for more would cost 40 ms.
        connector.set_nodelay(true);
        FraudnetClient {
            base: format!("http://{address}"),
            bearer: None,
            pool: Client::builder(TokioExecutor::new()).build(connector),
        }
    }

    /// The same, saying who it is with a token.
    #[must_use]
    pub fn with_token(self, token: Option<&Secret>) -> FraudnetClient {
        FraudnetClient { bearer: token.map(|token| Secret::new(format!("Bearer {}", token.reveal()))), ..self }
    }

    /// Where the service is, e.g. `http://127.0.0.1:8080`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Asks for a verdict, within `deadline` where one is given.
    ///
    /// # Errors
    /// Where the connection fails.
    pub async fn score(&self, payment: &ScoreRequest, deadline: Option<Duration>) -> Result<Reply, ClientError> {
        self.post("/v1/transactions:score", json(payment), deadline).await
    }

    /// Tells whether a payment was fraud.
    ///
    /// # Errors
    /// Where the connection fails.
    pub async fn label(&self, label: &LabelRequest, deadline: Option<Duration>) -> Result<Reply, ClientError> {
        self.post("/v1/labels", json(label), deadline).await
    }

    /// Asks for the verdict that was given on a payment.
    ///
    /// # Errors
    /// Where the connection fails.
    pub async fn verdict(&self, transaction_id: &str) -> Result<Reply, ClientError> {
        self.get(&format!("/v1/verdicts/{}", segment(transaction_id))).await
    }

    /// Asks for a verdict until there is one: again where there was no room, by id where it was not durable in time.
    ///
    /// # Errors
    /// What the service said last, where it refuses the payment or goes on having no room.
    pub async fn score_patiently(&self, payment: &ScoreRequest) -> Result<Reply, String> {
        let mut last = String::new();
        for _ in 0..TRIES {
            match self.score(payment, None).await {
                Ok(reply) if reply.status == 200 => return Ok(reply),
                // It is decided already; its verdict is there by id as soon as it is durable.
                Ok(reply) if reply.status == 504 => match self.verdict_patiently(&payment.transaction_id).await {
                    Ok(reply) => return Ok(reply),
                    Err(reason) => last = reason,
                },
                Ok(reply) if reply.status == 503 => last = reply.detail(),
                Ok(reply) => return Err(reply.detail()),
                Err(error) => last = error.to_string(),
            }
            tokio::time::sleep(RETRY_WAIT).await;
        }
        Err(last)
    }

    /// Asks for the verdict that was given on a payment until it is there.
    ///
    /// # Errors
    /// What the service said last.
    pub async fn verdict_patiently(&self, transaction_id: &str) -> Result<Reply, String> {
        let mut last = String::new();
        for _ in 0..TRIES {
            match self.verdict(transaction_id).await {
                Ok(reply) if reply.status == 200 => return Ok(reply),
                Ok(reply) => last = reply.detail(),
                Err(error) => last = error.to_string(),
            }
            tokio::time::sleep(RETRY_WAIT).await;
        }
        Err(last)
    }

    /// Tells a label until the service knows its payment, which may still be on another connection; whether it did. Telling a label twice
    /// does no harm.
    ///
    /// # Errors
    /// What the service said last, where it refuses the label or goes on having no room.
    pub async fn label_patiently(&self, label: &LabelRequest) -> Result<bool, String> {
        let mut last = String::new();
        for _ in 0..TRIES {
            match self.label(label, None).await {
                Ok(reply) if reply.status == 200 => {
                    let reply: LabelReply = reply.json().map_err(|error| error.to_string())?;
                    if reply.transaction_known {
                        return Ok(true);
                    }
                    last.clear();
                }
                Ok(reply) if reply.status == 503 || reply.status == 504 => last = reply.detail(),
                Ok(reply) => return Err(reply.detail()),
                Err(error) => last = error.to_string(),
            }
            tokio::time::sleep(RETRY_WAIT).await;
        }
        if last.is_empty() { Ok(false) } else { Err(last) }
    }

    /// GET of a path, which begins with a slash and is percent-encoded.
    ///
    /// # Errors
    /// Where the connection fails.
    pub async fn get(&self, path: &str) -> Result<Reply, ClientError> {
        self.send(Request::get(self.uri(path)?), Bytes::new()).await
    }

    /// POST of a body that is JSON already.
    ///
    /// # Errors
    /// Where the connection fails.
    pub async fn post(&self, path: &str, body: Bytes, deadline: Option<Duration>) -> Result<Reply, ClientError> {
        let mut request =
            Request::builder().method(Method::POST).uri(self.uri(path)?).header(CONTENT_TYPE, "application/json");
        if let Some(deadline) = deadline {
            request = request.header(DEADLINE, deadline.as_millis().to_string());
        }
        self.send(request, body).await
    }

    /// A request for a change of what scores, under the sender's name and, where there is a key, signed with it. `path` may hold a query.
    ///
    /// # Errors
    /// Where the connection fails.
    pub async fn change(&self, method: Method, path: &str, body: Bytes, sender: &Sender) -> Result<Reply, ClientError> {
        let mut request = Request::builder().method(&method).uri(self.uri(path)?);
        // A token has a name of its own.
        if self.bearer.is_none() || sender.key.is_some() {
            request = request.header(ACTOR, &sender.actor);
        }
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(key) = &sender.key {
            let time = format_timestamp(clock::now_ms());
            let signature = key.sign(signed_message(method.as_str(), path, &time, &body).as_bytes());
            request = request.header(ACTOR_TIME, time).header(ACTOR_SIGNATURE, signature);
        }
        self.send(request, body).await
    }

    async fn send(&self, request: hyper::http::request::Builder, body: Bytes) -> Result<Reply, ClientError> {
        let broken = |reason: String| ClientError::Connection { base: self.base.clone(), reason };
        let request = match &self.bearer {
            Some(bearer) => request.header(AUTHORIZATION, bearer.reveal()),
            None => request,
        };
        let request = request.body(Full::new(body)).map_err(|error| broken(error.to_string()))?;
        let response = self.pool.request(request).await.map_err(|error| broken(causes(&error)))?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| broken(causes(&error)))?.to_bytes();
        Ok(Reply { status: head.status.as_u16(), headers: head.headers, body })
    }

    fn uri(&self, path: &str) -> Result<Uri, ClientError> {
        format!("{}{path}", self.base).parse().map_err(|_| ClientError::Path(path.to_owned()))
    }
}

fn json(body: &impl serde::Serialize) -> Bytes {
    serde_json::to_vec(body).expect("text and numbers always have a JSON form").into()
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// An identifier as one segment of a path: everything but RFC 3986's unreserved characters percent-encoded.
pub fn segment(identifier: &str) -> String {
    let mut path = String::with_capacity(identifier.len());
    for byte in identifier.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_become_one_segment() {
        assert_eq!(segment("txn_A-1.~"), "txn_A-1.~");
        assert_eq!(segment("a/b?c d%é"), "a%2Fb%3Fc%20d%25%C3%A9");
    }

    #[tokio::test]
    async fn nobody_there_is_an_error_with_its_cause() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let client = FraudnetClient::new(address);
        let error = client.get("/livez").await.unwrap_err().to_string();
        assert!(error.contains(&address.to_string()) && error.contains("refused"), "{error}");
        assert!(matches!(client.get(" nonsense").await, Err(ClientError::Path(_))));
    }
}
