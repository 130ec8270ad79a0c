//! The config file and its profiles.

use crate::support::{Home, Run};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

#[test]
fn the_config_file_names_repository_and_password() {
    let home = Home::new();
    home.write("secret", b"word\n");
    home.write("office.toml", b"cache-dir = 'mine'\n[profile.office]\nrepo = 'store'\npassword-file = 'secret'\n");
    let config = home.text("office.toml");
    home.ok(["--config", &config, "--profile", "office", "init"]);
    assert!(home.path("store/config").exists());
    home.write("src/a", b"1");
    home.ok(["--config", &config, "--profile", "office", "backup", &home.text("src")]);
    let run = Run::of(home.command(["points", "--json"]).env("CAIRN_CONFIG", &config).env("CAIRN_PROFILE", "office"));
    assert_eq!(run.expect(0).last()["points"], 1);
    assert!(home.path("mine").exists());
    // The file at its usual place holds without being named.
    home.write("config/cairn/config.toml", std::fs::read(home.path("office.toml")).unwrap().as_slice());
    home.run(["--profile", "office", "points"]).expect(10);
    home.write(
        "config/cairn/config.toml",
        format!("repo = '{}'\npassword-file = '{}'\n", home.text("store"), home.text("secret")).as_bytes(),
    );
    home.ok(["points"]);
}

#[test]
fn the_command_line_wins_over_the_environment_and_that_over_the_file() {
    let home = Home::with_repository();
    home.write("c.toml", b"repo = '/nowhere'\n");
    home.ok(["--config", &home.text("c.toml"), "points"]);
    home.run(["--repo", &home.text("other"), "points"]).expect(10);
}

#[test]
fn what_is_wrong_in_the_file_is_named() {
    let home = Home::new();
    home.write("c.toml", b"pasword-file = 'x'\n");
    let config = home.text("c.toml");
    let run = home.run(["--config", &config, "points"]).expect(2);
    assert!(run.stderr.contains("pasword-file") && run.stderr.contains("c.toml"), "{}", run.stderr);
    home.write("c.toml", b"[profile.a]\n");
    let run = home.run(["--config", &config, "--profile", "b", "points"]).expect(2);
    assert!(run.stderr.contains("\"b\""), "{}", run.stderr);
    home.run(["--config", &home.text("none.toml"), "points"]).expect(2);
    home.run(["--profile", "b", "points"]).expect(2);
}

#[test]
fn settings_of_stores_reach_the_store() {
    let home = Home::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let config = format!(
        "repo = 's3://bucket/x'\n[s3]\nendpoint = '{endpoint}'\nallow_http = true\nregion = 'r'\n\
         access_key_id = 'the-key-id'\nsecret_access_key = 'b'\nvirtual_hosted_style_request = false\n"
    );
    home.write("c.toml", config.as_bytes());
    let server = std::thread::spawn(move || absent(&listener));
    let run = home.run(["--config", &home.text("c.toml"), "points"]).expect(10);
    assert!(run.stderr.contains("s3://bucket/x"), "{}", run.stderr);
    let asked = server.join().unwrap();
    assert!(asked.contains("/bucket/x/config") && asked.contains("the-key-id"), "{asked}");
}

/// A server that has nothing; what it was asked, until nobody asks any more.
fn absent(listener: &TcpListener) -> String {
    let mut asked = String::new();
    let until = Instant::now() + Duration::from_secs(5);
    listener.set_nonblocking(true).unwrap();
    while Instant::now() < until {
        let Ok((mut client, _)) = listener.accept() else {
            std::thread::sleep(Duration::from_millis(10));
            continue;
        };
        client.set_nonblocking(false).unwrap();
        let mut buffer = [0; 4096];
        let read = client.read(&mut buffer).unwrap();
        asked.push_str(&String::from_utf8_lossy(&buffer[..read]));
        let body = "<Error><Code>NoSuchKey</Code><Message>none</Message></Error>";
        let length = body.len();
        write!(client, "HTTP/1.1 404 Not Found\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
            .unwrap();
    }
    asked
}
