//! The matrix: every route × every kind of caller, asked of the service itself.

use super::closed;
use fraudnet_scoring::access::matrix::{Asker, matrix};
use fraudnet_scoring::access::{Permission, Requirement, Role, matrix as tables};
use fraudnet_tests::{Admin, Client, Folder, Server, repository};
use hyper::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// Soon enough to wait for, late enough to be made.
const SOON: Duration = Duration::from_secs(2);

/// A token for each kind of caller that has one.
struct Tokens {
    of_role: BTreeMap<Role, String>,
    without: BTreeMap<Permission, String>,
    expired: String,
    of_bank: String,
}

impl Tokens {
    async fn make(admin: &Admin) -> Tokens {
        let text = |made: Value| made["token"].as_str().unwrap().to_owned();
        let mut of_role = BTreeMap::new();
        for role in Role::ALL {
            of_role.insert(role, admin.token(role.name(), &[role.name()]).await);
        }
        let mut without = BTreeMap::new();
        for left_out in Permission::ALL {
            let scopes: Vec<&str> =
                Permission::ALL.iter().filter(|one| **one != left_out).map(|one| one.name()).collect();
            let body = json!({ "name": "narrow", "roles": Role::ALL, "all_tenants": true, "scopes": scopes });
            without.insert(left_out, text(admin.make(&body).await));
        }
        let at = fraudnet_scoring::clock::now_ms() + SOON.as_millis() as i64;
        let soon = fraudnet_scoring::wire::format_timestamp(at);
        let body = json!({ "name": "late", "roles": Role::ALL, "all_tenants": true, "expires_at": soon });
        let expired = text(admin.make(&body).await);
        let of_bank = text(admin.make(&json!({ "name": "bank", "roles": Role::ALL, "tenant": "bank" })).await);
        tokio::time::sleep(SOON).await;
        Tokens { of_role, without, expired, of_bank }
    }

    /// With what a kind of caller asks: a token, and a tenant.
    fn of(&self, asker: Asker, requirement: Requirement) -> (Option<&str>, Option<&'static str>) {
        let token = match asker {
            Asker::NoToken => None,
            Asker::Expired => Some(&self.expired),
            Asker::WrongScope => match requirement {
                Requirement::May(permission) => Some(&self.without[&permission]),
                Requirement::SignedIn | Requirement::Open => Some(&self.without[&Permission::ReadAudit]),
            },
            Asker::Role(role) => Some(&self.of_role[&role]),
            Asker::OwnTenant | Asker::OtherTenant => Some(&self.of_bank),
        };
        let tenant = match asker {
            Asker::OwnTenant => Some("bank"),
            Asker::OtherTenant => Some("shop"),
            _ => None,
        };
        (token.map(String::as_str), tenant)
    }
}

/// A path of that form.
fn path(template: &str) -> String {
    let path = template.replace("{kind}", "account").replace("{list}", "block").replace("{alias}", "champion");
    let path = path.replace("{*file}", "index.html").replace("{step}", "note");
    path.split('/').map(|part| part.replace(['{', '}'], "")).collect::<Vec<_>>().join("/")
}

async fn status(client: &Client, method: &str, path: &str, token: Option<&str>, tenant: Option<&str>) -> (u16, String) {
    let client = token.map_or_else(|| client.clone(), |token| client.with_token(token));
    let mut headers = vec![("content-type", "application/json"), ("x-deadline-ms", "5000")];
    headers.extend(tenant.map(|tenant| ("x-tenant", tenant)));
    let body = if method == "get" { "" } else { "{}" };
    let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).unwrap();
    let reply = client.send(method, path, &headers, body).await.unwrap();
    (reply.status, reply.text())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_answers_every_caller_as_declared() {
    let folder = Folder::new("access-matrix");
    let server = Server::start(&folder, &closed(&folder)).await;
    let admin = Admin::enter(&server, &folder).await;
    let tokens = Tokens::make(&admin).await;
    let (mut asked, mut wrong) = (0, Vec::new());
    for row in matrix() {
        for (asker, expected) in Asker::ALL.into_iter().zip(row.expected) {
            let (token, tenant) = tokens.of(asker, row.requirement);
            let (status, body) = status(&server.client, row.method, &path(row.path), token, tenant).await;
            asked += 1;
            let has_route = !body.contains("there is no such route") && status != 405;
            if !expected.fits(status) || !has_route || status >= 500 {
                let told = body.chars().take(200).collect::<String>();
                wrong.push(format!(
                    "{} {} as {}: {status} for {expected:?}: {told}",
                    row.method,
                    row.path,
                    asker.name()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {asked} are not as declared:\n{}", wrong.len(), wrong.join("\n"));
    assert!(asked > 600, "{asked}");
    server.stop().await;
}

#[test]
fn the_documentation_holds_the_matrix() {
    let page = std::fs::read_to_string(repository().join("scoring/docs/access.md")).unwrap();
    for table in [tables::roles_markdown(), tables::markdown()] {
        assert!(
            page.contains(table.trim_end()),
            "put the output of `fraudnet access matrix` into scoring/docs/access.md"
        );
    }
}
