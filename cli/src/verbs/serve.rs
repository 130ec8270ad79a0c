//! `cairn serve`: all restore points for programs that cannot mount them.

use crate::context::Context;
use crate::exit::{Exit, Failure, Result};
use crate::output::rows::{ServedReport, ServingRow};
use crate::output::{Row, human};
use crate::parse::quantity;
use crate::settings::password;
use clap::{Args, Subcommand};
use engine::monitor::Monitor;
use engine::threads;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use view::catalog::RepositoryCatalog;
use view::limits;
use view::{Layout, Owner, Shown, View};
use webdav::{Login, Options, Server};

/// Serve all restore points to other programs, read-only
#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(subcommand)]
    protocol: Protocol,
}

#[derive(Debug, Subcommand)]
enum Protocol {
    Webdav(Webdav),
}

/// Serve them over WebDAV, for Finder, Explorer, browsers and rclone
///
/// Shows what `cairn mount` shows. It stays until Ctrl-C, and prints its URL when it answers. Connections are not encrypted:
/// for other machines, put a proxy with TLS in front of it.
#[derive(Debug, Args)]
struct Webdav {
    /// Where to listen; port 0 takes any free one. Other addresses than this machine's own need a password
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The name that clients must give
    #[arg(long, value_name = "NAME", requires = "user_password_file")]
    user: Option<String>,
    /// Read the password that clients must give from a file (one trailing line feed is dropped)
    #[arg(long, value_name = "FILE", requires = "user")]
    user_password_file: Option<PathBuf>,
    /// Let everybody who reaches the address read all backups
    #[arg(long, conflicts_with = "user")]
    no_auth: bool,
    /// Bytes of a far store that may be kept on this machine's disk; 0 for none
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = quantity::size)]
    disk_cache: u64,
}

impl Serve {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit> {
        let Protocol::Webdav(webdav) = &self.protocol;
        webdav.run(context)
    }
}

impl Webdav {
    fn run(&self, context: &Context) -> Result<Exit> {
        let options = Options { listen: self.listen, login: self.login()?, open_to_all: self.no_auth };
        let connection = context.connect_to_read(limits::CACHES, self.disk_cache, |options| {
            options.patience.work = options.patience.work.min(RETRIED_FOR);
        })?;
        let catalog = Arc::new(RepositoryCatalog::new(connection.repo, limits::prefetch())?);
        let view = Arc::new(View::open(catalog, as_recorded(), Layout::default())?);
        let server = Server::bind(Arc::clone(&view), options)?;
        let url = format!("http://{}/", server.address());
        let row = || Row::new("serving").report(&ServingRow { url: url.clone() });
        context.out.answer(row, || format!("all restore points are at {url} until Ctrl-C"))?;
        let monitor = context.interrupt.shared();
        keep_fresh(&view, &monitor)?;
        context.interrupt.serves();
        let served = server.run(|| monitor.check().is_err())?;
        let report = ServedReport { url: url.clone(), requests_served: served.requests, bytes_served: served.bytes };
        let row = context.summary(Exit::Done).report(&report);
        let words = || {
            let requests = human::counted(served.requests, "request", "requests");
            format!("served {requests}, {}", human::counted(served.bytes, "byte", "bytes"))
        };
        context.out.summary(row, words)?;
        Ok(Exit::Done)
    }

    fn login(&self) -> Result<Option<Login>> {
        let (Some(user), Some(file)) = (&self.user, &self.user_password_file) else { return Ok(None) };
        let password = password::read_file(file).map_err(|e| Failure { advice: None, ..e })?;
        Ok(Some(Login::new(user, &password)?))
    }
}

/// WebDAV shows neither owners nor modes, and whoever may ask may read everything.
fn as_recorded() -> Shown {
    Shown { owner: Owner::Keep, ..Shown::default() }
}

/// New points appear and expired ones go, until the run is stopped. What cannot be asked now is asked again.
fn keep_fresh(view: &Arc<View>, monitor: &Arc<Monitor>) -> Result<()> {
    let (view, monitor) = (Arc::clone(view), Arc::clone(monitor));
    threads::spawn(move || {
        let mut asked = Instant::now();
        while monitor.check().is_ok() {
            std::thread::sleep(LOOK_EVERY);
            if asked.elapsed() >= limits::REFRESH_EVERY {
                if let Err(e) = view.refresh() {
                    tracing::debug!("the list of points cannot be read now: {e}");
                }
                asked = Instant::now();
            }
        }
    })?;
    Ok(())
}

/// Nobody waits longer for a page.
const RETRIED_FOR: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(200);
