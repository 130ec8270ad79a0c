//! A service on loopback that gives credentials to whoever asks in the right way, as those of
//! machines, containers and Azure do.

use std::sync::{Arc, Mutex};
use testkit::http::{Answer, Request, Server};

/// A request: its first line, its headers in lower case, its body.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) line: String,
    pub(super) headers: String,
    pub(super) body: String,
}

impl Asked {
    fn of(request: &Request) -> Asked {
        let headers = request.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        let line = format!("{} {} HTTP/1.1", request.method, request.target);
        Asked { line, headers, body: String::from_utf8_lossy(&request.body).into_owned() }
    }
}

/// The service; `answer` gives status and body.
pub(super) struct Gives {
    pub(super) address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    _server: Server,
}

impl Gives {
    pub(super) fn start(answer: impl Fn(&Asked) -> (u16, String) + Send + Sync + 'static) -> Gives {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let server = Server::start(move |request| {
            let asked = Asked::of(request);
            let (status, said) = answer(&asked);
            seen.lock().unwrap().push(asked);
            Answer { body: said.into_bytes(), ..Answer::new(status) }
        });
        Gives { address: server.endpoint(), asked, _server: server }
    }

    /// The service of a machine, second version: without its token nobody is given anything.
    pub(super) fn machine(id: &str, secret: &str) -> Gives {
        let keys = keys(id, secret, ", \"Token\": \"temporary\"");
        Gives::start(move |asked| {
            let has_token = asked.headers.contains("x-aws-ec2-metadata-token: tok\n");
            match asked.line.split(' ').take(2).collect::<Vec<_>>()[..] {
                ["PUT", "/latest/api/token"] if asked.headers.contains("-token-ttl-seconds:") => {
                    (200, "tok".to_owned())
                }
                ["GET", "/latest/meta-data/iam/security-credentials/"] if has_token => (200, "role".to_owned()),
                ["GET", "/latest/meta-data/iam/security-credentials/role"] if has_token => (200, keys.clone()),
                _ => (401, String::new()),
            }
        })
    }

    /// The service of a container, which wants a token.
    pub(super) fn container(id: &str, secret: &str) -> Gives {
        let keys = keys(id, secret, "");
        Gives::start(move |asked| match asked.headers.contains("authorization: permit\n") {
            true => (200, keys.clone()),
            false => (403, String::new()),
        })
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn keys(id: &str, secret: &str, more: &str) -> String {
    format!(
        "{{\"AccessKeyId\": \"{id}\", \"SecretAccessKey\": \"{secret}\", \"Expiration\": \"2099-01-01T00:00:00Z\"{more}}}"
    )
}
