//! Endpoints that are no store, or not one that can be talked to like this: named at once, with what to do, and never taken for damage.

use crate::network::{NOWHERE, Nothing, Tls, asks, points};
use crate::support::{Home, Run};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::process::Command;
use std::time::{Duration, Instant};

/// A server that says the same to everything.
fn says(status: &'static str, kind: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let answer = move |mut client: TcpStream| {
        let read = client.read(&mut [0; 8192]).unwrap_or(0);
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        if read > 0 {
            let _ = client.write_all(format!("{head}{body}").as_bytes());
        }
    };
    std::thread::spawn(move || listener.incoming().flatten().for_each(answer));
    address
}

/// The same place as an Azure container.
fn azure(home: &Home, endpoint: &str) -> Command {
    let mut command = home.direct(["--repo", "az://box/x", "points"]);
    command.env("AZURE_STORAGE_ENDPOINT", endpoint).env("AZURE_ALLOW_HTTP", "true");
    command.env("AZURE_STORAGE_ACCOUNT_NAME", "acc").env("AZURE_STORAGE_ACCOUNT_KEY", "a2V5");
    command
}

/// Runs and expects an end at once. What is tried again goes on for a minute; a machine that is loaded may need some seconds.
fn at_once(command: &mut Command, code: i32) -> Run {
    let begun = Instant::now();
    let run = Run::of(command).expect(code);
    assert!(begun.elapsed() < Duration::from_secs(40), "it took {:?}: {}", begun.elapsed(), run.stderr);
    run
}

#[test]
fn an_endpoint_without_tls_is_refused_at_once_with_the_setting_that_allows_it() {
    let home = Home::new();
    let store = Nothing::start();
    for (mut command, variable) in
        [(points(&home, &store.address), "AWS_ALLOW_HTTP"), (azure(&home, &store.address), "AZURE_ALLOW_HTTP")]
    {
        let run = at_once(command.env_remove(variable), 2);
        assert!(
            run.stderr.contains(&format!("{variable}=true")) && run.stderr.contains("allow_http = true"),
            "{}",
            run.stderr
        );
        assert!(!store.was_asked("GET"), "nothing was sent");
    }
    home.write("c.toml", b"[s3]\nallow_http = true\n");
    let mut command = points(&home, &store.address);
    at_once(command.env_remove("AWS_ALLOW_HTTP").env("CAIRN_CONFIG", home.path("c.toml")), 10);
}

#[test]
fn a_server_that_answers_everything_with_a_page_is_no_store_and_no_damage() {
    let home = Home::new();
    home.write("src/a", b"a");
    let src = home.text("src");
    let page = "<!DOCTYPE html><html><body>Welcome</body></html>";
    for (status, kind, body, named) in [
        ("200 OK", "text/html; charset=utf-8", page, "a web page"),
        ("200 OK", "text/plain", page, "a web page"),
        ("404 Not Found", "text/html", page, "a web page"),
        ("200 OK", "application/json", "{\"status\":\"everything is fine here\"}", "is not"),
        ("200 OK", "text/plain", "", "is not"),
    ] {
        let endpoint = says(status, kind, body);
        for words in [&["points"][..], &["init", "--no-encryption"], &["backup", "--job", "j", &src], &["check"]] {
            let run = at_once(&mut asks(&home, &endpoint, words), 2);
            assert!(run.stderr.contains(named), "{status} {kind} {words:?}: {}", run.stderr);
        }
        let run = at_once(&mut azure(&home, &endpoint), 2);
        assert!(run.stderr.contains(named), "Azure: {status} {kind}: {}", run.stderr);
    }
}

#[test]
fn what_begins_otherwise_than_our_objects_is_damage_only_beside_others_of_a_repository() {
    let (home, _) = Home::with_point();
    home.write("repo/config", b"these are not our bytes");
    home.run(["points"]).expect(5);
    home.write("other/config", b"[core]\nbare = true\n");
    let run = home.run(["--repo", &home.text("other"), "points"]).expect(2);
    assert!(run.stderr.contains("is not an object of Cairn"), "{}", run.stderr);
}

#[test]
fn tls_against_a_port_without_and_the_other_way_round_are_told_apart() {
    let home = Home::new();
    let plain = Nothing::start();
    let tls = Tls::start(&home, &plain.address);
    let run = at_once(&mut points(&home, &plain.address.replace("http:", "https:")), 2);
    assert!(run.stderr.contains("does not speak TLS"), "{}", run.stderr);
    let run = at_once(&mut azure(&home, &plain.address.replace("http:", "https:")), 2);
    assert!(run.stderr.contains("does not speak TLS"), "{}", run.stderr);
    let run = at_once(&mut points(&home, &tls.endpoint.replace("https:", "http:")), 2);
    assert!(run.stderr.contains("wants TLS") && run.stderr.contains("https://"), "{}", run.stderr);
    let polite = says("400 Bad Request", "text/plain", "Client sent an HTTP request to an HTTPS server.\n");
    let run = at_once(&mut points(&home, &polite), 2);
    assert!(run.stderr.contains("wants TLS"), "{}", run.stderr);
}

#[test]
fn a_certificate_for_another_name_or_of_another_time_has_advice_of_its_own() {
    let (home, plain) = (Home::new(), Nothing::start());
    for (san, until, named, advice) in [
        ("DNS:store.example", "20990101000000Z", "is for another name", "name the endpoint as the certificate does"),
        ("IP:127.0.0.1", "20240201000000Z", "has expired", "renew the certificate"),
    ] {
        let tls = Tls::with(&home, &plain.address, san, until);
        let run = at_once(points(&home, &tls.endpoint).env("CAIRN_CA_FILE", &tls.ca), 1);
        assert!(run.stderr.contains(named) && run.stderr.contains(advice), "{}", run.stderr);
        assert!(!run.stderr.contains("CAIRN_CA_FILE"), "{}", run.stderr);
    }
    // The aws command's variable names a CA where no other one does.
    let tls = Tls::start(&home, &plain.address);
    at_once(points(&home, &tls.endpoint).env("AWS_CA_BUNDLE", &tls.ca), 10);
}

#[test]
fn a_bucket_in_another_region_is_told_with_that_region() {
    let home = Home::new();
    for (status, code) in
        [("400 Bad Request", "AuthorizationHeaderMalformed"), ("301 Moved Permanently", "PermanentRedirect")]
    {
        let body = format!("<Error><Code>{code}</Code><Message>no</Message><Region>eu-west-1</Region></Error>");
        let endpoint = says(status, "application/xml", body.leak());
        let run = at_once(&mut points(&home, &endpoint), 2);
        assert!(
            run.stderr.contains("another region: eu-west-1") && run.stderr.contains("AWS_REGION=eu-west-1"),
            "{}",
            run.stderr
        );
    }
    let endpoint = says("301 Moved Permanently", "application/xml", "");
    let run = at_once(&mut points(&home, &endpoint), 2);
    assert!(run.stderr.contains("(301)") && run.stderr.contains("region"), "{}", run.stderr);
}

#[test]
fn a_token_file_that_is_missing_is_told_at_once_by_its_name() {
    let (home, store) = (Home::new(), Nothing::start());
    let mut command = points(&home, &store.address);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    command.env("AWS_WEB_IDENTITY_TOKEN_FILE", home.path("no-token")).env("AWS_ROLE_ARN", "arn:aws:iam::1:role/r");
    let run = at_once(&mut command, 2);
    assert!(run.stderr.contains("no-token"), "{}", run.stderr);
}

#[test]
fn a_host_that_does_not_exist_is_told_at_once() {
    match ("store.invalid", 80).to_socket_addrs() {
        Err(e) if e.to_string().contains("not known") => {}
        other => {
            return eprintln!("skipped: this machine's name server does not say that a name does not exist: {other:?}");
        }
    }
    let home = Home::new();
    let run = at_once(&mut points(&home, NOWHERE), 2);
    assert!(run.stderr.contains("there is no host store.invalid"), "{}", run.stderr);
}
