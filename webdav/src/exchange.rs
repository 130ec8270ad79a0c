//! One request's way to the view: questions go to threads that may wait, and what goes wrong is remembered, because the
//! protocol crate drops the reason (and, in a listing, the error itself).

use crate::limits::PIECE_BYTES;
use crate::resource::{self, Bytes, Page, Resource};
use crate::trouble::Trouble;
use hyper::StatusCode;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use view::limits::{DATA_DEADLINE, METADATA_DEADLINE};
use view::{Failure, View};

/// Shared by everything that answers one request.
#[derive(Clone)]
pub(crate) struct Exchange {
    view: Arc<View>,
    /// The path that the request names, and its place.
    asked: Arc<(Vec<Vec<u8>>, Resource)>,
    trouble: Arc<Mutex<Option<Trouble>>>,
}

impl Exchange {
    /// Looks the request's path up.
    ///
    /// # Errors
    /// Why there is nothing to be shown there.
    pub(crate) async fn start(view: Arc<View>, path: Vec<Vec<u8>>) -> Result<Self, Trouble> {
        let (at, names) = (Arc::clone(&view), path.clone());
        let place = wait(METADATA_DEADLINE, move || resource::find(&at, &names)).await?;
        Ok(Exchange { view, asked: Arc::new((path, place)), trouble: Arc::default() })
    }

    /// What the request's path stands for.
    pub(crate) fn resource(&self) -> &Resource {
        &self.asked.1
    }

    /// What went wrong so far.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        self.trouble.lock().clone()
    }

    /// The place at a path.
    pub(crate) async fn find(&self, path: Vec<Vec<u8>>) -> Result<Resource, Trouble> {
        if path == self.asked.0 {
            return Ok(self.asked.1.clone());
        }
        self.ask(METADATA_DEADLINE, move |view| resource::find(view, &path)).await
    }

    /// Some names of the request's folder.
    pub(crate) async fn list(&self, from: u64) -> Result<Page, Trouble> {
        let asked = Arc::clone(&self.asked);
        self.ask(METADATA_DEADLINE, move |view| resource::list(view, &asked.1, from)).await
    }

    /// The request's file, readable.
    pub(crate) async fn open(&self) -> Result<Arc<Bytes>, Trouble> {
        let asked = Arc::clone(&self.asked);
        self.ask(DATA_DEADLINE, move |view| resource::open(view, &asked.1).map(Arc::new)).await
    }

    /// At most a piece of a file, less only at its end.
    pub(crate) async fn read(&self, bytes: &Arc<Bytes>, offset: u64, count: usize) -> Result<bytes::Bytes, Trouble> {
        let (bytes, count) = (Arc::clone(bytes), u32::try_from(count.min(PIECE_BYTES)).unwrap_or(u32::MAX));
        self.ask(DATA_DEADLINE, move |_| bytes.read(offset, count)).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        deadline: Duration,
        question: impl FnOnce(&Arc<View>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Trouble> {
        let view = Arc::clone(&self.view);
        let answer = wait(deadline, move || question(&view)).await;
        if let Err(trouble) = &answer {
            self.trouble.lock().get_or_insert_with(|| trouble.clone());
        }
        answer
    }
}

/// The view's answer, or that it takes too long. A question that hangs keeps its thread until the store lets go of it.
async fn wait<T: Send + 'static>(
    deadline: Duration,
    question: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Trouble> {
    match tokio::time::timeout(deadline, tokio::task::spawn_blocking(question)).await {
        Ok(Ok(answer)) => answer.map_err(Trouble::from),
        Ok(Err(e)) => {
            tracing::error!("a question to the view ended in a panic: {e}");
            Err(Trouble::new(StatusCode::INTERNAL_SERVER_ERROR, "this is a bug in cairn; its log says more"))
        }
        Err(_) => Err(Trouble::late()),
    }
}
