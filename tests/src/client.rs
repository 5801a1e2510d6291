//! HTTP with nothing hidden: status, headers and bytes as they came.

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap};
use hyper::{Method, Request};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use std::net::SocketAddr;

/// Speaks to one service over kept-alive connections; cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    base: String,
    /// Value of the `Authorization` header.
    bearer: Option<String>,
    pool: Pool<HttpConnector, Full<Bytes>>,
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

impl Client {
    /// A client of the service at that address.
    pub fn new(address: SocketAddr) -> Client {
        Client {
            base: format!("http://{address}"),
            bearer: None,
            pool: Pool::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// The same, saying who it is with a token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Client {
        Client { bearer: Some(format!("Bearer {token}")), ..self.clone() }
    }

    /// Sends a request. An error where the connection broke before the whole answer was there, and only then.
    ///
    /// # Errors
    /// What became of the connection.
    ///
    /// # Panics
    /// Where path or headers are not HTTP's.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Reply, String> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        let bearer = self.bearer.as_deref().map(|bearer| ("authorization", bearer));
        for (name, value) in headers.iter().copied().chain(bearer) {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(body.into())).expect("tests name paths and headers that HTTP allows");
        let response = self.pool.request(request).await.map_err(|error| format!("{error:?}"))?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| format!("{error:?}"))?.to_bytes();
        Ok(Reply { status: head.status.as_u16(), headers: head.headers, body })
    }

    /// GET.
    ///
    /// # Panics
    /// Where the connection breaks.
    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, &[], Bytes::new()).await.unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    /// POST of JSON, with further headers.
    ///
    /// # Panics
    /// Where the connection breaks.
    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
        let headers = [&[(CONTENT_TYPE.as_str(), "application/json")], headers].concat();
        self.send(Method::POST, path, &headers, body.to_string())
            .await
            .unwrap_or_else(|error| panic!("POST {path}: {error}"))
    }

    /// PUT of JSON, with further headers.
    ///
    /// # Panics
    /// Where the connection breaks.
    pub async fn put(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
        let headers = [&[(CONTENT_TYPE.as_str(), "application/json")], headers].concat();
        self.send(Method::PUT, path, &headers, body.to_string())
            .await
            .unwrap_or_else(|error| panic!("PUT {path}: {error}"))
    }

    /// Asks for a verdict.
    ///
    /// # Panics
    /// Where the connection breaks.
    pub async fn score(&self, payment: &Value) -> Reply {
        self.post("/v1/transactions:score", &[], payment).await
    }

    /// Asks for a verdict and takes nothing else.
    ///
    /// # Panics
    /// Where it is refused.
    pub async fn verdict(&self, payment: &Value) -> Value {
        self.score(payment).await.json_of(200)
    }

    /// Tells a label and takes nothing but that it was accepted.
    ///
    /// # Panics
    /// Where it is refused.
    pub async fn label(&self, label: &Value) -> Value {
        self.post("/v1/labels", &[], label).await.json_of(200)
    }

    /// Asks for the verdict that was given.
    ///
    /// # Panics
    /// Where the connection breaks.
    pub async fn stored(&self, transaction_id: &str) -> Reply {
        self.get(&format!("/v1/verdicts/{transaction_id}")).await
    }
}

impl Reply {
    /// The value of a header; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// Where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in the body of a {}: {}", self.status, self.text()))
    }

    /// The body as JSON of an answer that has that status.
    ///
    /// # Panics
    /// Where it has another.
    pub fn json_of(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        self.json()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body of an error that has that status, of which it checks the form: problem+json that repeats its status and says what to do.
    ///
    /// # Panics
    /// Where it is not of that form.
    pub fn problem(&self, status: u16) -> Value {
        let problem = self.json_of(status);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(problem["status"], status, "{problem}");
        for text in ["type", "title", "detail"] {
            assert!(problem[text].as_str().is_some_and(|text| !text.is_empty()), "no {text} in {problem}");
        }
        problem
    }
}
