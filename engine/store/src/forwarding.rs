//! What a layer leaves alone, in one line.
//!
//! [`Store`](crate::Store) has no default bodies: whoever implements it says of each act what becomes of it, and a layer that
//! forgets one does not compile. [`forward!`](crate::forward) writes the bodies that only ask the store below, and its list shows the
//! reader at once which acts a layer changes: those that are missing.

/// Inside `impl Store`: hands these acts on to the store in a field.
///
/// ```ignore
/// impl Store for Slow {
///     store::forward!(inner: location, head, list, versions, delete, extend_lock);
///     fn put(..) -> .. { .. }
/// }
/// ```
#[macro_export]
macro_rules! forward {
    ($field:tt: $($act:ident),+ $(,)?) => { $($crate::forward!(@$act $field);)+ };
    (@location $field:tt) => {
        fn location(&self) -> String {
            self.$field.location()
        }
    };
    (@put $field:tt) => {
        fn put(
            &self,
            name: &$crate::ObjectName,
            bytes: $crate::Bytes,
            options: &$crate::PutOptions,
        ) -> $crate::Result<$crate::Receipt> {
            self.$field.put(name, bytes, options)
        }
    };
    (@read $field:tt) => {
        fn read(&self, object: $crate::ObjectRef<'_>, range: $crate::ReadRange) -> $crate::Result<$crate::Read> {
            self.$field.read(object, range)
        }
    };
    (@head $field:tt) => {
        fn head(&self, object: $crate::ObjectRef<'_>, options: $crate::HeadOptions) -> $crate::Result<$crate::Info> {
            self.$field.head(object, options)
        }
    };
    (@list $field:tt) => {
        fn list(
            &self,
            options: &$crate::ListOptions<'_>,
            visit: &mut dyn FnMut($crate::Listed) -> bool,
        ) -> $crate::Result<()> {
            self.$field.list(options, visit)
        }
    };
    (@versions $field:tt) => {
        fn versions(&self, name: &$crate::ObjectName) -> $crate::Result<Vec<$crate::ObjectVersion>> {
            self.$field.versions(name)
        }
    };
    (@delete $field:tt) => {
        fn delete(&self, object: $crate::ObjectRef<'_>) -> $crate::Result<()> {
            self.$field.delete(object)
        }
    };
    (@extend_lock $field:tt) => {
        fn extend_lock(
            &self,
            object: $crate::ObjectRef<'_>,
            wanted: &$crate::ObjectLock,
        ) -> $crate::Result<$crate::ObjectLock> {
            self.$field.extend_lock(object, wanted)
        }
    };
    (@retrieve $field:tt) => {
        fn retrieve(
            &self,
            object: $crate::ObjectRef<'_>,
            mode: $crate::RetrievalMode,
            days: u32,
        ) -> $crate::Result<$crate::Asked> {
            self.$field.retrieve(object, mode, days)
        }
    };
    (@rest_again $field:tt) => {
        fn rest_again(&self, object: $crate::ObjectRef<'_>, class: $crate::StorageClass) -> $crate::Result<()> {
            self.$field.rest_again(object, class)
        }
    };
    (@now $field:tt) => {
        fn now(&self) -> $crate::Result<$crate::Time> {
            self.$field.now()
        }
    };
    (@capabilities $field:tt) => {
        fn capabilities(&self) -> $crate::Result<$crate::Capabilities> {
            self.$field.capabilities()
        }
    };
    (@room $field:tt) => {
        fn room(&self) -> Option<&dyn $crate::Room> {
            self.$field.room()
        }
    };
    (@fresh $field:tt) => {
        fn fresh(&self) -> $crate::Result<Option<std::sync::Arc<dyn $crate::Store>>> {
            self.$field.fresh()
        }
    };
}
