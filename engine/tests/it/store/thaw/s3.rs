//! Amazon's archives: `GLACIER` and `DEEP_ARCHIVE`, restored for days.

use super::Front;
use super::shelf::Phase;
use testkit::http::{Answer, Request, decode, http_date};

pub(super) fn answer(front: &Front, request: &Request) -> Answer {
    let is_listing = request.asks("list-type").is_some() || request.asks("versions").is_some();
    match request.method.as_str() {
        "POST" if request.asks("restore").is_some() => restore(front, request),
        "PUT" if request.query.keys().all(|name| name.starts_with("X-Amz-")) => put(front, request),
        "GET" if is_listing => list(front, request),
        "GET" | "HEAD" => read(front, request),
        _ => request.forward(&front.server),
    }
}

fn put(front: &Front, request: &Request) -> Answer {
    let answer = request.forward(&front.server);
    if answer.status == 200 {
        let version = answer.header("x-amz-version-id").unwrap_or_default();
        let class = request.header("x-amz-storage-class").unwrap_or("STANDARD");
        front.shelf.lock().put(&request.path, version, class);
        if class != "STANDARD" {
            return front.done(answer);
        }
    }
    answer
}

fn read(front: &Front, request: &Request) -> Answer {
    let mut answer = request.forward(&front.server);
    let mut shelf = front.shelf.lock();
    let Some((phase, class)) = shelf.phase_of(request).filter(|_| answer.status < 300) else {
        return answer;
    };
    if request.method == "GET" && matches!(phase, Phase::Archived | Phase::Pending) {
        shelf.tally.layer("a read was refused");
        return Answer::refuse(403, "InvalidObjectState");
    }
    if class != "STANDARD" {
        match answer.header("x-amz-storage-class") == Some(class.as_str()) {
            true => shelf.tally.server("a class was shown"),
            false => shelf.tally.layer("a class was shown"),
        }
        answer.set("x-amz-storage-class", &class);
    }
    match phase {
        Phase::Pending => {
            shelf.tally.layer("a pending retrieval was shown");
            answer.set("x-amz-restore", "ongoing-request=\"true\"");
        }
        Phase::Ready(until) => {
            shelf.tally.layer("a retrieved object was shown");
            let text = format!("ongoing-request=\"false\", expiry-date=\"{}\"", http_date(until));
            answer.set("x-amz-restore", &text);
        }
        Phase::Online | Phase::Archived => {}
    }
    answer
}

/// The server is asked first: it refuses who has no right, and would do it if it could.
fn restore(front: &Front, request: &Request) -> Answer {
    let theirs = request.forward(&front.server);
    if theirs.status < 300 || theirs.status == 403 {
        front.shelf.lock().tally.server("a retrieval was answered");
        return theirs;
    }
    let body = String::from_utf8_lossy(&request.body).into_owned();
    let field = |name: &str| Some(body.split_once(&format!("<{name}>"))?.1.split_once("</")?.0.to_owned());
    let days = field("Days").and_then(|text| text.parse::<i64>().ok()).filter(|days| *days > 0);
    let (Some(days), Some(tier)) = (days, field("Tier")) else { return Answer::refuse(400, "MalformedXML") };
    let mut shelf = front.shelf.lock();
    let Some((phase, class)) = shelf.phase_of(request) else { return Answer::refuse(404, "NoSuchKey") };
    shelf.tally.layer("a retrieval was answered");
    let status = match phase {
        Phase::Online => return Answer::refuse(403, "InvalidObjectState"),
        Phase::Pending => return Answer::refuse(409, "RestoreAlreadyInProgress"),
        Phase::Archived if tier == "Expedited" && class == "DEEP_ARCHIVE" => {
            return Answer::refuse(400, "InvalidArgument");
        }
        Phase::Archived => 202,
        Phase::Ready(_) => 200,
    };
    shelf.ask(request, days, status == 202);
    drop(shelf);
    front.done(Answer::new(status))
}

/// The server's listing with the states of restores, if they were asked for.
fn list(front: &Front, request: &Request) -> Answer {
    let mut answer = request.forward(&front.server);
    let asked = request.header("x-amz-optional-object-attributes").is_some_and(|text| text.contains("RestoreStatus"));
    if answer.status != 200 || !asked {
        return answer;
    }
    let bucket = request.path.trim_end_matches('/').to_owned();
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let end = if text.contains("</Version>") { "</Version>" } else { "</Contents>" };
    let encoded = text.contains("<EncodingType>url");
    let mut shelf = front.shelf.lock();
    let mut told = String::new();
    let mut rest = text.as_str();
    while let Some((line, after)) = rest.split_once(end) {
        let field = |name: &str| Some(line.rsplit_once(&format!("<{name}>"))?.1.split_once("</")?.0.to_owned());
        let key = field("Key").map(|key| if encoded { decode(&key) } else { key }).unwrap_or_default();
        let version = if end == "</Version>" { field("VersionId") } else { None };
        let phase = shelf.listed(&format!("{bucket}/{key}"), version.as_deref()).map(|o| shelf.phase(o));
        told.push_str(line);
        if let Some(Phase::Pending) = phase {
            shelf.tally.layer("a listing told of a retrieval");
            told.push_str("<RestoreStatus><IsRestoreInProgress>true</IsRestoreInProgress></RestoreStatus>");
        } else if let Some(Phase::Ready(until)) = phase {
            shelf.tally.layer("a listing told of a retrieval");
            let until = jiff::Timestamp::from_second(until).unwrap();
            told.push_str(&format!(
                "<RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress>\
                 <RestoreExpiryDate>{until}</RestoreExpiryDate></RestoreStatus>"
            ));
        }
        told.push_str(end);
        rest = after;
    }
    told.push_str(rest);
    answer.body = told.into_bytes();
    answer
}
