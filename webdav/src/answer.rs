//! From a request to its answer: who asks, what for, and by whom it is answered.
//!
//! ```text
//! OPTIONS                       here: DAV class 1
//! GET, HEAD of a folder         `page`
//! GET, HEAD of a file, PROPFIND the protocol crate, over `dav`
//! everything else               405, MKCOL 403
//! ```

use crate::access::{self, Login};
use crate::body::{Body, held, whole};
use crate::conditions::{self, Asked};
use crate::dav::{self, names_of};
use crate::exchange::Exchange;
use crate::limits::{CACHE_SECONDS, PIECE_BYTES, REQUEST_BYTES_MAX, REQUEST_DEADLINE, REQUEST_TAGS_MAX};
use crate::page;
use crate::trouble::Trouble;
use bytes::Bytes;
use dav_server::DavHandler;
use dav_server::davpath::DavPath;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use std::net::SocketAddr;
use std::sync::Arc;
use view::View;

/// What every request is answered with.
pub(crate) struct Answering {
    pub(crate) view: Arc<View>,
    pub(crate) listen: SocketAddr,
    pub(crate) login: Option<Login>,
}

impl Answering {
    /// Answers; what went wrong is an answer, too.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().to_owned();
        let answer = match access::check(self.listen, self.login.as_ref(), &parts.uri, &parts.headers) {
            Ok(()) => self.dispatch(parts, body).await,
            Err(trouble) => Err(trouble),
        };
        let mut answer = answer.unwrap_or_else(|trouble| refusal(&path, &trouble));
        // Browsers that do not say who makes a request at least do not give its answer to another site.
        set(answer.headers_mut(), HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
        answer
    }

    async fn dispatch(&self, parts: Parts, body: Incoming) -> Result<Response<Body>, Trouble> {
        let is_propfind = parts.method.as_str() == PROPFIND;
        match parts.method {
            Method::OPTIONS => return Ok(options()),
            Method::GET | Method::HEAD => {}
            _ if is_propfind => {}
            _ => {
                let message = "restore points cannot be changed: this server only reads";
                // To MKCOL, 405 would mean that the folder is there already (RFC 4918, section 9.3.1).
                let is_mkcol = parts.method.as_str() == "MKCOL";
                let status = if is_mkcol { StatusCode::FORBIDDEN } else { StatusCode::METHOD_NOT_ALLOWED };
                return Err(Trouble::new(status, message));
            }
        }
        let path = DavPath::new(parts.uri.path())
            .map_err(|_| Trouble::new(StatusCode::BAD_REQUEST, "this path makes no sense"))?;
        let path = names_of(path.as_bytes());
        let question = if is_propfind { propfind(&parts.headers, body).await? } else { Bytes::new() };
        let session = Exchange::start(Arc::clone(&self.view), path.clone()).await?;
        if !is_propfind && session.resource().is_folder() {
            return folder(session, &path, &parts.method).await;
        }
        through_protocol(session, parts, question).await
    }
}

/// The protocol crate's answer, unless it hides that something went wrong.
async fn through_protocol(session: Exchange, mut parts: Parts, question: Bytes) -> Result<Response<Body>, Trouble> {
    // Nothing is ever locked here, so its conditions have no meaning.
    parts.headers.remove("if");
    let handler: DavHandler =
        DavHandler::builder().filesystem(Box::new(session.clone())).read_buf_size(PIECE_BYTES).build_handler();
    let place = session.resource();
    let is_file = !place.is_folder();
    if is_file {
        let file = Asked { version: place.version.as_deref(), bytes: place.bytes(), moves: place.moves };
        conditions::settle(&parts.method, &mut parts.headers, file);
    }
    let answer = handler.handle(Request::from_parts(parts, Full::new(question))).await;
    if let Some(trouble) = session.trouble() {
        return Err(trouble);
    }
    let (mut parts, pieces) = answer.into_parts();
    let body = held(&session, pieces).await?;
    if is_file && parts.status != StatusCode::MULTI_STATUS {
        let cache = match session.resource().moves {
            true => "private, no-cache".to_owned(),
            false => format!("private, max-age={CACHE_SECONDS}, immutable"),
        };
        set(&mut parts.headers, header::CACHE_CONTROL, &cache);
        // A page out of a backup must not run in the name of this server, where it could read everything else.
        set(&mut parts.headers, header::CONTENT_SECURITY_POLICY, "sandbox");
        set(&mut parts.headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    }
    Ok(Response::from_parts(parts, body))
}

async fn folder(session: Exchange, path: &[Vec<u8>], method: &Method) -> Result<Response<Body>, Trouble> {
    let body = match *method {
        Method::HEAD => whole(Bytes::new()),
        _ => held(&session, page::pieces(session.clone(), path)).await?,
    };
    let mut answer = Response::new(body);
    let headers = answer.headers_mut();
    set(headers, header::CONTENT_TYPE, "text/html; charset=utf-8");
    set(headers, header::CACHE_CONTROL, "private, no-cache");
    set(headers, header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'");
    set(headers, header::REFERRER_POLICY, "no-referrer");
    set(headers, header::LAST_MODIFIED, &dav::date(session.resource().attributes.mtime));
    Ok(answer)
}

/// Reads and limits what a PROPFIND asks for.
async fn propfind(headers: &HeaderMap, body: Incoming) -> Result<Bytes, Trouble> {
    let depth = headers.get("depth").map(HeaderValue::as_bytes);
    if !matches!(depth, Some(b"0" | b"1")) {
        // No Depth means infinity, too (RFC 4918, section 9.1).
        return Err(Trouble::new(StatusCode::FORBIDDEN, FINITE_DEPTH));
    }
    let collected = tokio::time::timeout(REQUEST_DEADLINE, Limited::new(body, REQUEST_BYTES_MAX).collect()).await;
    let question = match collected {
        Ok(Ok(question)) => question.to_bytes(),
        Ok(Err(_)) => return Err(Trouble::new(StatusCode::PAYLOAD_TOO_LARGE, "the request broke off or is too large")),
        Err(_) => return Err(Trouble::new(StatusCode::REQUEST_TIMEOUT, "the request did not arrive in time")),
    };
    if question.iter().filter(|b| **b == b'<').count() > REQUEST_TAGS_MAX {
        return Err(Trouble::new(StatusCode::PAYLOAD_TOO_LARGE, "the request asks for too many properties"));
    }
    Ok(question)
}

fn options() -> Response<Body> {
    let mut answer = Response::new(whole(Bytes::new()));
    let headers = answer.headers_mut();
    // Class 1: no locks. So Finder and Explorer treat it as read-only from the start.
    set(headers, HeaderName::from_static("dav"), "1");
    set(headers, HeaderName::from_static("ms-author-via"), "DAV");
    set(headers, header::ALLOW, ALLOWED);
    answer
}

fn refusal(path: &str, trouble: &Trouble) -> Response<Body> {
    let xml = trouble.text == FINITE_DEPTH;
    let text = if xml { trouble.text.clone() } else { format!("{path}: {}\n", trouble.text) };
    let mut answer = Response::new(whole(text));
    *answer.status_mut() = trouble.status;
    let headers = answer.headers_mut();
    let kind = if xml { "application/xml; charset=utf-8" } else { "text/plain; charset=utf-8" };
    set(headers, header::CONTENT_TYPE, kind);
    set(headers, header::CACHE_CONTROL, "no-store");
    set(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    match trouble.status {
        StatusCode::METHOD_NOT_ALLOWED => set(headers, header::ALLOW, ALLOWED),
        StatusCode::UNAUTHORIZED => {
            set(headers, header::WWW_AUTHENTICATE, "Basic realm=\"cairn\", charset=\"UTF-8\"");
        }
        _ => {}
    }
    answer
}

/// Values are ours and of printable characters; anything else is left out.
fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

const PROPFIND: &str = "PROPFIND";
const ALLOWED: &str = "OPTIONS, GET, HEAD, PROPFIND";
const FINITE_DEPTH: &str =
    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:error xmlns:D=\"DAV:\"><D:propfind-finite-depth/></D:error>\n";
