//! Whoever gives access: in by a one-time link, as an operator on the service's machine makes it.

use crate::client::{Client, Reply};
use crate::folder::Folder;
use crate::server::{PATIENCE, Server};
use fraudnet_scoring::access::Secret;
use fraudnet_scoring::invite::Invitation;
use hyper::Method;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// An admin with a session.
#[derive(Debug, Clone)]
pub struct Admin {
    client: Client,
    origin: String,
    cookie: String,
    csrf: String,
}

impl Admin {
    /// Makes a link in the service's folder and uses it as soon as the service has taken it.
    ///
    /// # Panics
    /// Where nobody is let in.
    pub async fn enter(server: &Server, folder: &Folder) -> Admin {
        Admin::enter_at(server.address, &folder.join("data")).await
    }

    /// The same for a service at that address with its log in that folder.
    ///
    /// # Panics
    /// Where nobody is let in.
    pub async fn enter_at(address: SocketAddr, data: &Path) -> Admin {
        let secret = Invitation::first(600_000).leave(data).expect("the service has a folder");
        Admin::enter_by(address, &secret).await
    }

    /// Uses a link.
    ///
    /// # Panics
    /// Where nobody is let in.
    pub async fn enter_by(address: SocketAddr, secret: &Secret) -> Admin {
        let client = Client::new(address);
        let body = json!({ "once": secret.reveal() });
        let entering = async {
            loop {
                let reply = client.post("/v1/session", &[], &body).await;
                if reply.status == 200 {
                    return reply;
                }
                sleep(Duration::from_millis(50)).await;
            }
        };
        let reply = timeout(PATIENCE, entering).await.expect("the link works");
        let cookie = reply.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
        let csrf = reply.json()["csrf"].as_str().expect("a session has a CSRF token").to_owned();
        Admin { client, origin: format!("http://{address}"), cookie, csrf }
    }

    /// Makes a token for all tenants.
    ///
    /// # Panics
    /// Where it is refused.
    pub async fn token(&self, name: &str, roles: &[&str]) -> String {
        let made = self.make(&json!({ "name": name, "roles": roles, "all_tenants": true })).await;
        made["token"].as_str().expect("the token's text").to_owned()
    }

    /// Makes a token as the body says; what is told of it.
    ///
    /// # Panics
    /// Where it is refused.
    pub async fn make(&self, body: &Value) -> Value {
        self.send(Method::POST, "/v1/access/tokens", body).await.json_of(201)
    }

    /// The same session's cookie, shown to another run of the service.
    #[must_use]
    pub fn again(&self, server: &Server) -> Admin {
        Admin { client: server.client.clone(), origin: format!("http://{}", server.address), ..self.clone() }
    }

    /// Asks for something in the session, as its page does.
    ///
    /// # Panics
    /// Where the connection breaks.
    pub async fn send(&self, method: Method, path: &str, body: &Value) -> Reply {
        let headers = [("x-csrf-token", &*self.csrf), ("origin", &*self.origin)];
        self.send_as_page(method, path, &headers, body).await
    }

    /// Asks for something with the session's cookie and those headers, as some page might.
    ///
    /// # Panics
    /// Where the connection breaks.
    pub async fn send_as_page(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
        let headers = [&[("content-type", "application/json"), ("cookie", &self.cookie)], headers].concat();
        self.client.send(method, path, &headers, body.to_string()).await.expect("the service answers")
    }
}
