//! The view as a FUSE file system. Here alone live the types of `fuser`.
//!
//! Promises: handlers never wait and never panic through; each answer comes within its deadline; reads are never short before
//! the end of a file; `forget` means nothing, because inode numbers are computed.

mod attr;
mod breaker;
mod errno;
mod fair;
mod handles;
mod list;
mod live;
mod pending;
mod pool;
mod recent_failures;
mod serve;
mod watchdog;

use crate::limits::{
    BACKGROUND_REQUESTS, DAMAGED_FOR, DAMAGED_PIECES, READ_BYTES_MAX, TTL_HISTORY, TTL_INSIDE, TTL_NAMESPACE,
    XATTR_BYTES_MAX,
};
use attr::{absent, attr};
use bytes::Bytes;
use engine::{Error, Kind};
use fuser::{
    Errno, FileHandle, Filesystem, FopenFlags, Generation, INodeNo, InitFlags, KernelConfig, LockOwner, OpenFlags,
    ReplyAttr, ReplyData, ReplyDirectory, ReplyDirectoryPlus, ReplyEmpty, ReplyEntry, ReplyLseek, ReplyOpen,
    ReplyStatfs, ReplyXattr, Request,
};
use handles::Handles;
pub(crate) use live::Live;
use recent_failures::{RecentFailures, Span};
pub(crate) use serve::Patience;
use serve::{Dispatcher, Lane, RequestInfo};
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use view::{Archived, Attributes, Failure, Fetch, File, Inode, Seek, View};

/// The file system that a session serves.
pub(crate) struct PointsFs {
    view: Arc<View>,
    desk: Dispatcher,
    handles: Arc<Handles>,
    archived: Archived,
    /// Pieces of files that are damaged.
    damaged: Arc<RecentFailures>,
}

impl PointsFs {
    /// A file system with its workers.
    pub(crate) fn new(view: Arc<View>, patience: Patience, archived: Archived) -> io::Result<Self> {
        let probed = Arc::clone(&view);
        let damaged = Arc::new(RecentFailures::new(DAMAGED_FOR, DAMAGED_PIECES));
        let desk = Dispatcher::open(patience, view.offline(), Box::new(move || probed.probe()))?;
        Ok(PointsFs { view, desk, handles: Arc::default(), archived, damaged })
    }
}

const GENERATION: Generation = Generation(0);
const BLOCK_BYTES: u32 = 4096;
/// From <unistd.h>; the kernel asks for no others.
const SEEK_DATA: i32 = 3;
const SEEK_HOLE: i32 = 4;

/// Inside of points nothing changes, not even what is not there. What leads to them changes when the kernel is told; in
/// `/history` nobody knows what it has seen.
fn ttl(inode: Inode) -> Duration {
    match inode.split() {
        Some(_) => TTL_INSIDE,
        None if inode.is_past() => TTL_HISTORY,
        None => TTL_NAMESPACE,
    }
}

impl Filesystem for PointsFs {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        // Without it the kernel would let people in whom an access list keeps out.
        let lists = InitFlags::FUSE_POSIX_ACL;
        config.add_capabilities(lists).map_err(|_| io::Error::other("this kernel cannot enforce access lists"))?;
        for wish in [
            InitFlags::FUSE_PARALLEL_DIROPS,
            InitFlags::FUSE_DO_READDIRPLUS,
            InitFlags::FUSE_CACHE_SYMLINKS,
            InitFlags::FUSE_EXPORT_SUPPORT,
            InitFlags::FUSE_ASYNC_DIO,
        ] {
            if config.add_capabilities(wish).is_err() {
                tracing::debug!(?wish, "this kernel lacks it");
            }
        }
        _ = config.set_max_background(BACKGROUND_REQUESTS);
        Ok(())
    }

    fn lookup(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let (view, parent, name) = (Arc::clone(&self.view), Inode(parent.0), name.as_bytes().to_vec());
        let keeps_absence = !parent.is_past();
        let question = move |fetch| match view.lookup(fetch, parent, &name) {
            Ok(found) => Ok(Some(found)),
            Err(Failure::NoSuchName) if keeps_absence => Ok(None),
            Err(e) => Err(e),
        };
        self.desk.serve(
            Lane::Metadata.of(request),
            reply,
            question,
            move |reply, found: Option<Attributes>| match found {
                Some(found) => reply.entry_with_ttls(&ttl(found.inode), &ttl(parent), &attr(&found), GENERATION),
                None => reply.entry(&ttl(parent), &absent(), GENERATION),
            },
        );
    }

    fn getattr(&self, request: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        let (view, inode) = (Arc::clone(&self.view), Inode(ino.0));
        let question = move |fetch| view.attributes(fetch, inode);
        self.desk.serve(Lane::Metadata.of(request), reply, question, move |reply, found| {
            reply.attr(&ttl(inode), &attr(&found));
        });
    }

    fn readlink(&self, request: &Request, ino: INodeNo, reply: ReplyData) {
        let (view, inode) = (Arc::clone(&self.view), Inode(ino.0));
        self.desk.serve(
            Lane::Metadata.of(request),
            reply,
            move |fetch| view.target(fetch, inode),
            |reply, target| reply.data(&target),
        );
    }

    fn open(&self, request: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        let (view, inode, handles) = (Arc::clone(&self.view), Inode(ino.0), Arc::clone(&self.handles));
        let archived = self.archived;
        let question = move |fetch| match archived {
            Archived::Read => view.open_file_partly(fetch, inode),
            Archived::Fail | Archived::Wait(_) => view.open_file(fetch, inode),
        };
        let turn = RequestInfo { archived: archived.patience(), proves: false, ..Lane::Data.of(request) };
        self.desk.serve(turn, reply, question, move |reply, file| {
            reply.opened(handles.insert(file), FopenFlags::FOPEN_KEEP_CACHE | FopenFlags::FOPEN_NOFLUSH);
        });
    }

    fn read(
        &self,
        request: &Request,
        ino: INodeNo,
        fh: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let Some(file) = self.handles.get(fh) else { return reply.error(Errno::EBADF) };
        if size > READ_BYTES_MAX {
            return reply.error(Errno::EINVAL);
        }
        let span = Span { inode: Inode(ino.0), bytes: offset..offset.saturating_add(u64::from(size)) };
        let (damaged, read) = (Arc::clone(&self.damaged), Some(span.clone()));
        let question = move |fetch| read_unless_damaged(&file, &damaged, fetch, &span);
        self.desk
            .serve(RequestInfo { read, ..Lane::Data.of(request) }, reply, question, |reply, bytes| reply.data(&bytes));
    }

    fn release(
        &self,
        _: &Request,
        _: INodeNo,
        fh: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        self.handles.remove(fh);
        reply.ok();
    }

    fn lseek(&self, request: &Request, ino: INodeNo, _: FileHandle, offset: i64, whence: i32, reply: ReplyLseek) {
        let (view, inode) = (Arc::clone(&self.view), Inode(ino.0));
        let what = match whence {
            SEEK_DATA => Seek::Data,
            SEEK_HOLE => Seek::Hole,
            _ => return reply.error(Errno::EINVAL),
        };
        let Ok(offset) = u64::try_from(offset) else { return reply.error(Errno::ENXIO) };
        let question = move |fetch| view.seek(fetch, inode, offset, what);
        let send = |reply: ReplyLseek, at| reply.offset(i64::try_from(at).unwrap_or(i64::MAX));
        self.desk.serve(Lane::Metadata.of(request), reply, question, send);
    }

    fn opendir(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        let inode = Inode(ino.0);
        if !inode.is_past() {
            return reply.opened(FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE | FopenFlags::FOPEN_CACHE_DIR);
        }
        // A number that is not remembered is told here, because after an open the kernel would not look the name up again.
        match self.view.open_past(inode) {
            Ok(()) => reply.opened(FileHandle(0), FopenFlags::empty()),
            Err(e) => reply.error(errno::errno(&e)),
        }
    }

    fn releasedir(&self, _: &Request, ino: INodeNo, _: FileHandle, _: OpenFlags, reply: ReplyEmpty) {
        let inode = Inode(ino.0);
        if inode.is_past() {
            self.view.close_past(inode);
        }
        reply.ok();
    }

    fn readdir(&self, request: &Request, ino: INodeNo, _: FileHandle, offset: u64, reply: ReplyDirectory) {
        let (view, inode) = (Arc::clone(&self.view), Inode(ino.0));
        self.desk.serve(
            Lane::Metadata.of(request),
            reply,
            move |fetch| list::lines(&view, fetch, inode, offset),
            list::plain,
        );
    }

    fn readdirplus(&self, request: &Request, ino: INodeNo, _: FileHandle, offset: u64, reply: ReplyDirectoryPlus) {
        let (view, inode) = (Arc::clone(&self.view), Inode(ino.0));
        let question = move |fetch| list::lines(&view, fetch, inode, offset);
        self.desk.serve(Lane::Metadata.of(request), reply, question, move |reply, lines| {
            list::plus(reply, lines, ttl(inode));
        });
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        let totals = self.view.totals();
        let blocks = totals.bytes.div_ceil(u64::from(BLOCK_BYTES));
        reply.statfs(blocks, 0, 0, totals.entries, 0, BLOCK_BYTES, 255, BLOCK_BYTES);
    }

    fn getxattr(&self, request: &Request, ino: INodeNo, name: &OsStr, size: u32, reply: ReplyXattr) {
        let (view, inode, name) = (Arc::clone(&self.view), Inode(ino.0), name.as_bytes().to_vec());
        let question = move |fetch| view.xattr(fetch, inode, &name);
        self.desk
            .serve(Lane::Metadata.of(request), reply, question, move |reply, value| answer_xattr(reply, size, &value));
    }

    fn listxattr(&self, request: &Request, ino: INodeNo, size: u32, reply: ReplyXattr) {
        let (view, inode, privileged) = (Arc::clone(&self.view), Inode(ino.0), request.uid() == 0);
        let question = move |fetch| view.xattr_names(fetch, inode, privileged);
        self.desk
            .serve(Lane::Metadata.of(request), reply, question, move |reply, names| answer_xattr(reply, size, &names));
    }
}

/// Reads a span of at most [`READ_BYTES_MAX`]. What is damaged is not fetched and checked again for each of its pages, but only after a while.
fn read_unless_damaged(file: &File, damaged: &RecentFailures, fetch: Fetch, span: &Span) -> Result<Bytes, Failure> {
    if damaged.meets(span, Instant::now()) {
        let message = "was damaged a moment ago; it is looked at again a few seconds later";
        return Err(Failure::Store(Error::new(Kind::Damaged, message)));
    }
    let (offset, bytes) = (span.bytes.start, span.bytes.end.saturating_sub(span.bytes.start));
    let read = file.read(fetch, offset, u32::try_from(bytes).unwrap_or(u32::MAX));
    if read.as_ref().is_err_and(|e| e.kind() == Some(Kind::Damaged)) {
        let piece = Span { inode: span.inode, bytes: file.piece_at(offset) };
        let end = span.bytes.end.min(file.size());
        // A read that needs other pieces as well does not say which of them is damaged.
        if piece.holds(&Span { inode: span.inode, bytes: offset..end }) {
            damaged.add(piece, Instant::now());
        }
    }
    read
}

/// The two-step protocol of attributes: size 0 asks how long the value is.
fn answer_xattr(reply: ReplyXattr, size: u32, value: &[u8]) {
    match u32::try_from(value.len()) {
        Ok(_) if value.len() > XATTR_BYTES_MAX => reply.error(Errno::E2BIG),
        Ok(length) if size == 0 => reply.size(length),
        Ok(length) if length <= size => reply.data(value),
        _ => reply.error(Errno::ERANGE),
    }
}
