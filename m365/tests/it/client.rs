//! The client against a service on loopback that answers as it is told.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use base::env::Machine;
use base::monitor::Monitor;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use m365::answer::Fault;
use m365::client::{Call, Client, Failure, Network, Pool, Proof};
use m365::organisation::{Base, Cloud, Credential, Organisation};
use parking_lot::Mutex;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};
use testkit::http::{Answer, Request, Server};

/// What came, and when: path with query, and the bearer.
type Seen = Arc<Mutex<Vec<(String, Option<String>, Instant)>>>;

struct Service {
    server: Server,
    seen: Seen,
    /// Bodies of requests for tokens.
    forms: Arc<Mutex<Vec<String>>>,
}

fn json(status: u16, body: &str) -> Answer {
    Answer { status, body: body.as_bytes().to_vec(), headers: vec![("content-length".into(), body.len().to_string())] }
}

impl Service {
    fn start(answer: impl Fn(&Request, usize) -> Answer + Send + Sync + 'static) -> Service {
        let (seen, forms) = (Seen::default(), Arc::new(Mutex::new(Vec::new())));
        let (all, asked) = (seen.clone(), forms.clone());
        let server = Server::start(move |request: &Request| {
            if request.path.ends_with("/oauth2/v2.0/token") {
                let mut asked = asked.lock();
                asked.push(String::from_utf8_lossy(&request.body).into_owned());
                let token = format!(
                    r#"{{"token_type":"Bearer","expires_in":3599,"access_token":"token-number-{}"}}"#,
                    asked.len()
                );
                return json(200, &token);
            }
            let number = {
                let mut all = all.lock();
                let bearer = request.header("authorization").map(str::to_owned);
                all.push((request.target.clone(), bearer, Instant::now()));
                all.len()
            };
            answer(request, number)
        });
        Service { server, seen, forms }
    }

    fn client(&self) -> Client {
        self.client_with(Proof::Secret("a secret".to_owned().into()))
    }

    fn client_with(&self, proof: Proof) -> Client {
        let base = || Base::new(&self.server.endpoint()).unwrap();
        let organisation = Organisation {
            name: "contoso".into(),
            tenant: "contoso.example".into(),
            client_id: "the-client".into(),
            credential: Credential::SecretVariable("NOWHERE".into()),
            cloud: Cloud::Global,
            graph: base(),
            login: base(),
        };
        Client::new(organisation, proof, &Network::default(), Machine::shared()).unwrap()
    }

    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.server.endpoint())
    }

    fn paths(&self) -> Vec<String> {
        self.seen.lock().iter().map(|(path, ..)| path.clone()).collect()
    }
}

fn get(client: &Client, address: &str, pool: Pool<'_>) -> Result<String, Failure> {
    client.call(&Call::get(address, pool), &Monitor::new()).map(|answer| String::from_utf8(answer.body).unwrap())
}

#[test]
fn a_token_serves_many_calls_and_is_renewed_when_it_is_refused() {
    let service = Service::start(|_, number| match number {
        3 => json(401, r#"{"error":{"code":"InvalidAuthenticationToken"}}"#),
        _ => json(200, "{}"),
    });
    let client = service.client();
    for _ in 0..4 {
        get(&client, &service.address("/v1.0/users?$top=1&x=a%2Fb"), Pool::Directory).unwrap();
    }
    let bearers: Vec<_> = service.seen.lock().iter().map(|(_, bearer, _)| bearer.clone().unwrap()).collect();
    assert_eq!(bearers[..3], ["Bearer token-number-1"; 3]);
    assert_eq!(bearers[3..], ["Bearer token-number-2"; 2]);
    assert!(service.paths().iter().all(|path| path == "/v1.0/users?$top=1&x=a%2Fb"), "a link goes as it came");
    let forms = service.forms.lock();
    assert_eq!(forms.len(), 2);
    for part in ["client_id=the-client", "grant_type=client_credentials", "client_secret=a+secret", "%2F.default"] {
        assert!(forms[0].contains(part), "{part} in {}", forms[0]);
    }
}

#[test]
fn a_certificate_signs_what_the_login_service_can_verify() {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let pkcs8 = pair.as_der().unwrap();
    let pem =
        |kind: &str, der: &[u8]| format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", STANDARD.encode(der));
    let certificate = pem("CERTIFICATE", b"any bytes will do here");
    let proof = Proof::certificate(certificate.as_bytes(), pem("PRIVATE KEY", pkcs8.as_ref()).as_bytes()).unwrap();
    let service = Service::start(|_, _| json(200, "{}"));
    get(&service.client_with(proof), &service.address("/v1.0/x"), Pool::Directory).unwrap();
    let form = service.forms.lock()[0].clone();
    assert!(form.contains("client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"));
    let assertion = form.split('&').find_map(|pair| pair.strip_prefix("client_assertion=")).unwrap();
    let parts: Vec<&str> = assertion.split('.').collect();
    let part = |at: usize| -> serde_json::Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[at]).unwrap()).unwrap()
    };
    let thumbprint = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"any bytes will do here");
    assert_eq!(
        part(0),
        serde_json::json!({"alg": "PS256", "typ": "JWT", "x5t#S256": URL_SAFE_NO_PAD.encode(thumbprint)})
    );
    let claims = part(1);
    assert_eq!(claims["aud"], service.address("/contoso.example/oauth2/v2.0/token"));
    assert_eq!((&claims["iss"], &claims["sub"]), (&"the-client".into(), &"the-client".into()));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
    let key = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, pair.public_key().as_ref());
    let signed = format!("{}.{}", parts[0], parts[1]);
    key.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(parts[2]).unwrap()).unwrap();
    key.verify(b"another text", &URL_SAFE_NO_PAD.decode(parts[2]).unwrap()).unwrap_err();
}

#[test]
fn a_fence_holds_its_pool_and_nobody_else() {
    let service = Service::start(|request, _| match request.path.as_str() {
        "/throttled" => {
            let mut answer = json(429, r#"{"error":{"code":"ApplicationThrottled"}}"#);
            answer.headers.push(("retry-after".into(), "2".into()));
            answer
        }
        _ => json(200, "{}"),
    });
    let client = service.client();
    let begun = Instant::now();
    let (monitor, address) = (Monitor::new(), service.address("/throttled"));
    std::thread::scope(|scope| {
        let (client, stop, address) = (&client, &monitor, &address);
        let throttled = scope.spawn(move || client.call(&Call::get(address, Pool::Mailbox("ada")), stop).unwrap_err());
        while service.seen.lock().is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(10), "the service was never asked");
            std::thread::sleep(Duration::from_millis(1));
        }
        get(client, &service.address("/other"), Pool::Mailbox("bob")).unwrap();
        get(client, &service.address("/other"), Pool::Drives).unwrap();
        assert!(begun.elapsed() < Duration::from_secs(1), "nobody else waits");
        get(client, &service.address("/same"), Pool::Mailbox("ada")).unwrap();
        assert!(begun.elapsed() >= Duration::from_secs(2), "the same mailbox does");
        // A stop ends the wait at once.
        let stopped = Instant::now();
        monitor.stop();
        assert!(matches!(throttled.join().unwrap(), Failure::Ended(_)));
        assert!(stopped.elapsed() < Duration::from_secs(1));
    });
    let seen = service.seen.lock();
    let of = |path: &str| seen.iter().filter(|(seen, ..)| seen == path).map(|(_, _, when)| *when).collect::<Vec<_>>();
    let throttled = of("/throttled");
    assert!(throttled.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_secs(2)), "no call before its time");
}

#[test]
fn what_is_worth_another_try_gets_one_and_what_is_not_gets_none() {
    let service = Service::start(|request, number| match (request.path.as_str(), number) {
        ("/down", 1..=2) => json(503, ""),
        ("/smime", _) => json(500, r#"{"error":{"code":"ErrorMimeContentConversionFailed","message":"no"}}"#),
        ("/gone", _) => json(410, r#"{"error":{"code":"resyncRequired"}}"#),
        ("/moved", _) => {
            let mut answer = json(308, r#"{"error":{"code":"ErrorArchiveFolderMovedPermanently"}}"#);
            answer.headers.push(("location".into(), "https://elsewhere.example/x".into()));
            answer
        }
        _ => json(200, "well"),
    });
    let client = service.client();
    let call = |path: &str| get(&client, &service.address(path), Pool::Mailbox("ada"));
    assert_eq!(call("/down").unwrap(), "well");
    assert_eq!(service.paths().len(), 3);
    let fault = |path: &str| match call(path).unwrap_err() {
        Failure::Service(e) => e.fault,
        other => panic!("{other}"),
    };
    assert_eq!((fault("/smime"), fault("/gone")), (Fault::Unreadable, Fault::Resync));
    assert!(matches!(call("/moved").unwrap_err(), Failure::Moved(to) if to == "https://elsewhere.example/x"));
    assert_eq!(service.paths().len(), 6, "each of them was asked once");
}

#[test]
fn a_token_goes_to_no_other_host_and_redirects_are_answers() {
    let other = Service::start(|_, _| json(200, "elsewhere"));
    let link = other.address("/download?tempauth=as-good-as-a-key");
    let to = link.clone();
    let service = Service::start(move |_, _| {
        let mut answer = json(302, "");
        answer.headers.push(("location".into(), to.clone()));
        answer
    });
    let client = service.client();
    let address = service.address("/content");
    let call = Call { expects_redirect: true, ..Call::get(&address, Pool::Drives) };
    let answer = client.call(&call, &Monitor::new()).unwrap();
    assert_eq!((answer.status, &answer.headers["location"]), (302, &link));
    assert_eq!(get(&client, &link, Pool::Drives).unwrap(), "elsewhere");
    assert_eq!(other.seen.lock()[0].1, None, "no bearer");
    drop(other);
    let failure = client.call(&Call::get(&link, Pool::Drives), &stopped_soon()).unwrap_err();
    assert!(!failure.to_string().contains("as-good-as-a-key"), "{failure}");
}

/// A monitor that stops after a moment: nobody waits for all tries.
fn stopped_soon() -> Arc<Monitor> {
    let monitor = Arc::new(Monitor::new());
    let stops = monitor.clone();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(700));
        stops.stop();
    });
    monitor
}

#[test]
fn a_content_that_ends_early_is_an_error() {
    let service = Service::start(|_, _| json(200, &"all of it ".repeat(10_000)));
    let client = service.client();
    let read = |address: &str| {
        let mut content = client.content(&Call::get(address, Pool::Drives), &Monitor::new()).unwrap();
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes).map(|_| bytes.len())
    };
    assert_eq!(read(&service.address("/whole")).unwrap(), 100_000);
    // One that hangs up in the middle.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/short", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]).unwrap();
        stream.write_all(b"HTTP/1.1 200 X\r\ncontent-length: 1000\r\n\r\nonly this").unwrap();
    });
    read(&address).unwrap_err();
    server.join().unwrap();
}
