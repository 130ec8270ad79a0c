//! Open files by the number that the kernel hands back.

use fuser::FileHandle;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use view::File;

#[derive(Default)]
pub(super) struct Handles {
    open: Mutex<(u64, HashMap<u64, Arc<File>>)>,
}

impl Handles {
    pub(super) fn insert(&self, file: File) -> FileHandle {
        let mut open = self.open.lock();
        open.0 += 1;
        let number = open.0;
        open.1.insert(number, Arc::new(file));
        FileHandle(number)
    }

    pub(super) fn get(&self, handle: FileHandle) -> Option<Arc<File>> {
        self.open.lock().1.get(&handle.0).cloned()
    }

    pub(super) fn remove(&self, handle: FileHandle) {
        let file = self.open.lock().1.remove(&handle.0);
        drop(file);
    }
}
