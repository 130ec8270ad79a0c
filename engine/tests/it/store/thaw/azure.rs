//! Azure's archive: a tier that a blob is moved out of, slowly.

use super::Front;
use super::shelf::Phase;
use testkit::http::{Answer, Request};

pub(super) fn answer(front: &Front, request: &Request) -> Answer {
    match (request.method.as_str(), request.asks("comp")) {
        ("PUT", Some("tier")) => set_tier(front, request),
        ("PUT", None) if request.asks("restype").is_none() => put(front, request),
        ("GET", Some("list")) => list(front, request),
        ("GET" | "HEAD", None) => read(front, request),
        _ => request.forward(&front.server),
    }
}

fn put(front: &Front, request: &Request) -> Answer {
    let answer = request.forward(&front.server);
    if answer.status == 201 {
        let version = answer.header("x-ms-version-id").unwrap_or_default();
        let tier = request.header("x-ms-access-tier").unwrap_or("Hot");
        front.shelf.lock().put(&request.path, version, tier);
        if tier != "Hot" {
            return front.done(answer);
        }
    }
    answer
}

fn read(front: &Front, request: &Request) -> Answer {
    let mut answer = request.forward(&front.server);
    let mut shelf = front.shelf.lock();
    let Some((phase, tier)) = shelf.phase_of(request) else { return answer };
    if request.method == "GET" && matches!(phase, Phase::Archived | Phase::Pending) {
        if answer.is_refused_as("BlobArchived") {
            shelf.tally.server("a read was refused");
            return answer;
        }
        shelf.tally.layer("a read was refused");
        return Answer::refuse(409, if phase == Phase::Pending { "BlobBeingRehydrated" } else { "BlobArchived" });
    }
    if answer.status >= 300 {
        return answer;
    }
    if phase == Phase::Pending {
        // The server has moved it already.
        shelf.tally.layer("a pending retrieval was shown");
        answer.set("x-ms-access-tier", "Archive");
        answer.set("x-ms-archive-status", "rehydrate-pending-to-hot");
    } else if answer.header("x-ms-access-tier").is_some() {
        shelf.tally.server("a class was shown");
    } else {
        shelf.tally.layer("a class was shown");
        answer.set("x-ms-access-tier", shown_tier(phase, &tier));
    }
    answer
}

/// The tier that is shown of a blob that was put into `tier`.
fn shown_tier(phase: Phase, tier: &str) -> &str {
    if phase == Phase::Online && tier == "Archive" { "Hot" } else { tier }
}

fn set_tier(front: &Front, request: &Request) -> Answer {
    let tier = request.header("x-ms-access-tier").unwrap_or_default().to_owned();
    let before = front.shelf.lock().phase_of(request).map(|(phase, _)| phase);
    if before == Some(Phase::Pending) {
        // Only the priority may be raised meanwhile.
        let raised = request.header("x-ms-rehydrate-priority") == Some("High") && tier == "Hot";
        front.shelf.lock().tally.layer("a retrieval was answered");
        return if raised { Answer::new(202) } else { Answer::refuse(409, "BlobBeingRehydrated") };
    }
    let answer = request.forward(&front.server);
    if answer.status >= 300 {
        return answer;
    }
    let mut shelf = front.shelf.lock();
    shelf.tally.server("a retrieval was answered");
    if before == Some(Phase::Archived) && tier != "Archive" {
        shelf.ask(request, 0, true);
        drop(shelf);
        return front.done(answer);
    }
    let version = answer.header("x-ms-version-id").unwrap_or_default().to_owned();
    shelf.put(&request.path, &version, &tier);
    answer
}

/// The server's listing, in which what is on its way is still in the archive.
fn list(front: &Front, request: &Request) -> Answer {
    let mut answer = request.forward(&front.server);
    if answer.status != 200 {
        return answer;
    }
    let container = request.path.trim_end_matches('/').to_owned();
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let mut shelf = front.shelf.lock();
    let mut told = String::new();
    let mut rest = text.as_str();
    while let Some((line, after)) = rest.split_once("</Blob>") {
        let field = |name: &str| Some(line.rsplit_once(&format!("<{name}>"))?.1.split_once("</")?.0.to_owned());
        let path = format!("{container}/{}", field("Name").unwrap_or_default());
        let known = shelf.listed(&path, field("VersionId").as_deref());
        let Some((phase, tier)) = known.map(|o| (shelf.phase(o), o.class.clone())) else {
            told.push_str(&format!("{line}</Blob>"));
            rest = after;
            continue;
        };
        // A layer below that lists versions tells no tiers.
        let theirs = field("AccessTier").map(|tier| format!("<AccessTier>{tier}</AccessTier>"));
        let mut ours = format!("<AccessTier>{}</AccessTier>", shown_tier(phase, &tier));
        if phase == Phase::Pending {
            shelf.tally.layer("a listing told of a retrieval");
            ours.push_str("<ArchiveStatus>rehydrate-pending-to-hot</ArchiveStatus>");
        }
        told.push_str(&match theirs {
            Some(theirs) => line.replace(&theirs, &ours),
            None => line.replace("</Properties>", &format!("{ours}</Properties>")),
        });
        told.push_str("</Blob>");
        rest = after;
    }
    told.push_str(rest);
    answer.body = told.into_bytes();
    answer
}
