//! The console: its pages, embedded when the service was built, under a policy that lets nothing foreign run in them.
//!
//! Every file lies there twice, as it is and compressed; nothing is read from disk or compressed while serving.

use super::problem::{Problem, ProblemKind};
use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;

/// What `npm run build` wrote: 35 files, 0.7 MB and once more 0.2 MB compressed.
#[derive(rust_embed::Embed)]
#[folder = "console/dist"]
struct Pages;

/// Sent with every page.
const HEADERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; object-src 'none'; \
         frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Adds the console to other routes.
pub(super) fn routes<S: Clone + Send + Sync + 'static>(others: Router<S>) -> Router<S> {
    others
        .route("/", get(lead))
        .route("/console", get(lead))
        .route("/console/", get(index))
        .route("/console/{*path}", get(file))
}

/// Leads to the console.
async fn lead() -> Redirect {
    Redirect::temporary("/console/")
}

/// The console's first page.
async fn index(headers: HeaderMap) -> Result<Response, Problem> {
    serve("index.html", &headers)
}

/// A file of the console.
async fn file(path: Result<Path<String>, PathRejection>, headers: HeaderMap) -> Result<Response, Problem> {
    let Path(path) = path.map_err(super::payments::bad_path)?;
    serve(&path, &headers)
}

fn serve(path: &str, asked: &HeaderMap) -> Result<Response, Problem> {
    let no_file = || Problem::new(ProblemKind::NotFound, "the console has no such file; it begins at /console/");
    let content_type = content_type(path).ok_or_else(no_file)?;
    let compressed = takes_gzip(asked);
    let file = if compressed { Pages::get(&format!("{path}.gz")) } else { Pages::get(path) }.ok_or_else(no_file)?;
    // Of the bytes as they are sent: compressed and plain are told apart, as they must.
    let digest = &file.metadata.sha256_hash()[..16];
    let tag = format!("\"{}\"", digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    let known = has(asked, &tag);

    let mut response =
        if known { StatusCode::NOT_MODIFIED.into_response() } else { Body::from(file.data).into_response() };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::ETAG, HeaderValue::try_from(tag).expect("hexadecimal digits in quotes"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control(path)));
    if !known {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        if compressed {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
    }
    Ok(response)
}

/// The kinds of files that the console consists of; of any other there is none.
fn content_type(path: &str) -> Option<&'static str> {
    let (_, end) = path.rsplit_once('.')?;
    Some(match end {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => return None,
    })
}

/// Below `assets/` a name changes with what is in it.
fn cache_control(path: &str) -> &'static str {
    if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" }
}

/// Whether the caller takes gzip: it is named, and not with a weight of nothing.
fn takes_gzip(asked: &HeaderMap) -> bool {
    listed(asked, header::ACCEPT_ENCODING).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse().ok()).unwrap_or(0.0);
        name.trim().eq_ignore_ascii_case("gzip") && weight > 0.0
    })
}

/// Whether the caller has the bytes of that tag already.
fn has(asked: &HeaderMap, tag: &str) -> bool {
    listed(asked, header::IF_NONE_MATCH).any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

/// Parts between commas of a header that may come more than once.
fn listed(asked: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    asked
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;
    use axum::http::Request;
    use tower::ServiceExt;

    async fn ask(path: &str, headers: &[(HeaderName, &str)]) -> Response {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        super::super::rim(super::routes(Router::new())).oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    async fn text(response: Response) -> String {
        String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap()
    }

    /// Path of the script that the page begins with.
    async fn script() -> String {
        let page = text(ask("/console/", &[]).await).await;
        let begins = page.find("src=\"").expect("the page names its script") + 5;
        page[begins..].split('"').next().unwrap().to_owned()
    }

    #[tokio::test]
    async fn the_page_is_served_under_its_policy_and_asked_for_again() {
        for path in ["/console/", "/console/index.html"] {
            let response = ask(path, &[]).await;
            assert_eq!(response.status(), 200);
            let headers = response.headers();
            for (name, value) in [
                (header::CONTENT_TYPE, "text/html; charset=utf-8"),
                (header::CACHE_CONTROL, "no-cache"),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
                (header::REFERRER_POLICY, "no-referrer"),
                (header::X_FRAME_OPTIONS, "DENY"),
                (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
            ] {
                assert_eq!(headers[&name], value);
            }
            let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(policy.contains("script-src 'self';") && !policy.contains("unsafe"), "{policy}");
            assert!(!headers.contains_key(header::CONTENT_ENCODING), "nobody said that gzip is taken");
            assert!(text(response).await.contains("<div id=\"root\">"));
        }
        for path in ["/", "/console"] {
            let response = ask(path, &[]).await;
            assert_eq!(
                (response.status().as_u16(), &response.headers()[header::LOCATION]),
                (307, &"/console/".parse().unwrap())
            );
        }
    }

    #[tokio::test]
    async fn a_script_is_compressed_and_kept_for_ever() {
        let path = script().await;
        let plain = ask(&path, &[(header::ACCEPT_ENCODING, "br, gzip;q=0")]).await;
        let small = ask(&path, &[(header::ACCEPT_ENCODING, "br, gzip, deflate")]).await;
        for response in [&plain, &small] {
            assert_eq!(response.headers()[header::CONTENT_TYPE], "text/javascript; charset=utf-8");
            assert_eq!(response.headers()[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
            assert_eq!(response.headers()[header::VARY], "accept-encoding");
        }
        assert!(!plain.headers().contains_key(header::CONTENT_ENCODING));
        assert_eq!(small.headers()[header::CONTENT_ENCODING], "gzip");
        assert_ne!(plain.headers()[header::ETAG], small.headers()[header::ETAG], "other bytes, other tag");
        let [plain, small] = [plain, small].map(|response| to_bytes(response.into_body(), usize::MAX));
        let (plain, small) = (plain.await.unwrap(), small.await.unwrap());
        assert_eq!(small[..2], [0x1f, 0x8b], "gzip's own first bytes");
        assert!(small.len() * 2 < plain.len(), "{} of {} bytes", small.len(), plain.len());
    }

    #[tokio::test]
    async fn what_the_caller_has_is_not_sent_again() {
        let path = script().await;
        let first = ask(&path, &[(header::ACCEPT_ENCODING, "gzip")]).await;
        let tag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
        let known = format!("\"other\", W/{tag}");
        let again = ask(&path, &[(header::ACCEPT_ENCODING, "gzip"), (header::IF_NONE_MATCH, &known)]).await;
        assert_eq!((again.status().as_u16(), again.headers()[header::ETAG].to_str().unwrap()), (304, tag.as_str()));
        assert!(again.headers().contains_key(header::CONTENT_SECURITY_POLICY));
        assert_eq!(text(again).await, "");
        // Whoever takes no gzip has other bytes.
        let plain = ask(&path, &[(header::IF_NONE_MATCH, &known)]).await;
        assert_eq!(plain.status(), 200);
    }

    #[tokio::test]
    async fn there_is_nothing_else() {
        let compressed = format!("{}.gz", script().await);
        for path in [
            "/console/nothing.js",
            "/console/assets/",
            "/console/index.html.gz",
            compressed.as_str(),
            "/console/../src/main.tsx",
            "/console/..%2fpackage.json",
            "/console/%2e%2e/%2e%2e/Cargo.toml",
            "/console//etc/passwd.html",
            "/console/%ff.js",
        ] {
            let response = ask(path, &[]).await;
            assert!([400, 404].contains(&response.status().as_u16()), "{path}: {}", response.status());
            assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json", "{path}");
        }
    }

    #[test]
    fn every_file_is_of_a_known_kind_and_there_twice() {
        let names: Vec<_> = Pages::iter().filter(|name| !name.ends_with(".gz")).collect();
        assert!(names.len() > 10, "{names:?}");
        for name in &names {
            assert!(content_type(name).is_some(), "{name}");
            assert!(Pages::get(&format!("{name}.gz")).is_some(), "{name}");
        }
        assert_eq!(Pages::iter().count(), 2 * names.len());
    }
}
