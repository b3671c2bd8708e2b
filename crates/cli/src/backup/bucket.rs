//! Backups in S3-compatible storage. The one place that knows `object_store` and its runtime.
//!
//! Dumps are sent in parts while they come, so their length need not be known. Nothing can be seen
//! in the bucket before the last part is there; the store checks the SHA-256 of each.

use std::{io, sync::Arc};

use dokku_deploy::{
    app::AppName,
    backup::{Manifest, Place, StoredName, TestVerdict},
    plugin_protocol::Listed,
    service::ServiceKind,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::{
    ClientOptions, MultipartId, ObjectStore, ObjectStoreExt, PutPayload, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder, Checksum},
    multipart::{MultipartStore, PartId},
    path::Path as Key,
};
use tokio::{runtime::Runtime, task::JoinSet};

use super::{
    bucket_settings::BucketSettings,
    shelf::{listed, with_verdict},
};
use crate::http;

/// Bytes of a part; S3 wants at least 5 MiB.
const PART: usize = 8 * 1024 * 1024;
/// Parts of one size; 10,000 parts are the most, so they grow afterwards: to 500 GiB in all.
/// Stores that want all parts of one size (R2) take 39 GiB.
const EVEN_PARTS: usize = 5000;
/// After so many more, a part is twice as large.
const STEP: usize = 1000;
/// Parts under way at once.
const AT_ONCE: usize = 2;
/// Manifests that are fetched at once.
const READERS: usize = 16;

/// A bucket, or a part of one.
pub struct Bucket {
    store: Arc<AmazonS3>,
    prefix: String,
    name: String,
    runtime: Runtime,
}

fn wrong(error: impl std::error::Error) -> io::Error {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let more = next.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = next.source();
    }
    io::Error::other(text)
}

impl Bucket {
    /// Opens it; nothing is sent yet.
    pub fn open(settings: &BucketSettings) -> io::Result<Self> {
        http::provide_tls();
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&settings.name)
            .with_region(&settings.region)
            .with_access_key_id(settings.access_key.expose())
            .with_secret_access_key(settings.secret_key.expose())
            .with_checksum_algorithm(Checksum::SHA256)
            .with_retry(RetryConfig {
                max_retries: 4,
                retry_timeout: std::time::Duration::from_mins(1),
                ..RetryConfig::default()
            });
        if let Some(token) = &settings.session_token {
            builder = builder.with_token(token.expose());
        }
        if let Some(endpoint) = &settings.endpoint {
            builder = builder
                .with_endpoint(endpoint.trim_end_matches('/'))
                .with_client_options(
                    ClientOptions::new().with_allow_http(endpoint.starts_with("http://")),
                );
        }
        Ok(Self {
            store: Arc::new(builder.build().map_err(wrong)?),
            prefix: settings.prefix.trim_matches('/').to_owned(),
            name: settings.name.clone(),
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()?,
        })
    }

    fn key(&self, rest: &str) -> Key {
        if self.prefix.is_empty() {
            Key::from(rest)
        } else {
            Key::from(format!("{}/{rest}", self.prefix))
        }
    }

    fn failed(&self, what: &str, error: object_store::Error) -> io::Error {
        io::Error::other(format!(
            "{what} in the bucket {}: {}",
            self.name,
            wrong(error)
        ))
    }

    /// Whether there is an object of this name.
    pub fn has(&self, name: &StoredName) -> io::Result<bool> {
        match self
            .runtime
            .block_on(self.store.head(&self.key(&name.to_string())))
        {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(self.failed("looking for a backup", error)),
        }
    }

    /// Begins an upload; it is cleaned away unless it is completed.
    pub fn upload(&self, name: &StoredName) -> io::Result<Upload<'_>> {
        let key = self.key(&name.to_string());
        let id = self
            .runtime
            .block_on(self.store.create_multipart(&key))
            .map_err(|error| self.failed("beginning an upload", error))?;
        Ok(Upload {
            bucket: self,
            key,
            name: name.clone(),
            id,
            part: Vec::with_capacity(PART),
            begun: 0,
            sending: JoinSet::new(),
            parts: Vec::new(),
            is_over: false,
        })
    }

    /// The backups of an app or of all, the newest first.
    pub fn list(&self, app: Option<&AppName>) -> io::Result<Vec<Listed>> {
        let prefixes: Vec<String> = match app {
            Some(app) => ServiceKind::ALL
                .iter()
                .map(|kind| StoredName::directory(*kind, app))
                .collect(),
            None => ServiceKind::ALL.map(|kind| kind.to_string()).to_vec(),
        };
        self.runtime.block_on(async {
            let mut found = Vec::new();
            for prefix in prefixes {
                let key = self.key(&prefix);
                let mut objects = self.store.list(Some(&key));
                while let Some(object) = objects.next().await {
                    let object = object.map_err(|error| self.failed("listing backups", error))?;
                    let path = object.location.as_ref();
                    let inside = match self.prefix.as_str() {
                        "" => Some(path),
                        prefix => path
                            .strip_prefix(prefix)
                            .and_then(|rest| rest.strip_prefix('/')),
                    };
                    if let Some(name) = inside.and_then(StoredName::parse) {
                        found.push((name, object.size));
                    }
                }
            }
            let mut all: Vec<Listed> = stream::iter(found)
                .map(|(name, size)| async move {
                    let manifest = self.read_manifest(&name).await;
                    listed(Place::S3, &name, size, manifest)
                })
                .buffer_unordered(READERS)
                .collect()
                .await;
            all.sort_by_key(|backup| std::cmp::Reverse(backup.time));
            Ok(all)
        })
    }

    /// The record of a backup; `None` if it has none.
    pub fn manifest(&self, name: &StoredName) -> io::Result<Option<Manifest>> {
        self.runtime.block_on(self.read_manifest(name))
    }

    async fn read_manifest(&self, name: &StoredName) -> io::Result<Option<Manifest>> {
        let key = self.key(&format!("{name}.json"));
        let bytes = match self.store.get(&key).await {
            Ok(object) => object.bytes().await,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => Err(error),
        }
        .map_err(|error| self.failed("reading a manifest", error))?;
        Manifest::parse(&String::from_utf8_lossy(&bytes))
            .map(Some)
            .map_err(io::Error::other)
    }

    /// Writes the verdict of a restore test into the manifest of a backup, if that is of the dump
    /// that was tested.
    pub fn note_test(
        &self,
        name: &StoredName,
        raw_sha256: &str,
        verdict: &TestVerdict,
    ) -> io::Result<()> {
        let manifest = with_verdict(name, self.manifest(name), raw_sha256, verdict)?;
        self.runtime.block_on(self.put_manifest(name, &manifest))
    }

    async fn put_manifest(&self, name: &StoredName, manifest: &Manifest) -> io::Result<()> {
        let text = manifest.to_json().map_err(io::Error::other)?;
        let key = self.key(&format!("{name}.json"));
        self.store
            .put(&key, PutPayload::from(text.into_bytes()))
            .await
            .map(drop)
            .map_err(|error| self.failed("writing a manifest", error))
    }

    /// Writes a backup as it lies there to `to`.
    pub fn fetch(&self, name: &StoredName, to: &mut dyn io::Write) -> io::Result<()> {
        let key = self.key(&name.to_string());
        let reading = |error| self.failed("reading a backup", error);
        let mut pieces = self
            .runtime
            .block_on(self.store.get(&key))
            .map_err(reading)?
            .into_stream();
        while let Some(piece) = self.runtime.block_on(pieces.try_next()).map_err(reading)? {
            to.write_all(&piece)?;
        }
        Ok(())
    }

    /// Removes a backup and then its record.
    pub fn remove(&self, name: &StoredName) -> io::Result<()> {
        for key in [
            self.key(&name.to_string()),
            self.key(&format!("{name}.json")),
        ] {
            match self.runtime.block_on(self.store.delete(&key)) {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(self.failed("removing a backup", error)),
            }
        }
        Ok(())
    }
}

/// An object that comes into being part by part. Until it is completed nobody sees it.
pub struct Upload<'a> {
    bucket: &'a Bucket,
    key: Key,
    name: StoredName,
    id: MultipartId,
    part: Vec<u8>,
    begun: usize,
    sending: JoinSet<(usize, object_store::Result<PartId>)>,
    parts: Vec<(usize, PartId)>,
    is_over: bool,
}

/// How large the next part is.
fn part_size(begun: usize) -> usize {
    let doublings = match begun.checked_sub(EVEN_PARTS) {
        Some(more) => more / STEP + 1,
        None => 0,
    };
    PART << doublings.min(5)
}

impl Upload<'_> {
    fn send(&mut self) -> io::Result<()> {
        while self.sending.len() >= AT_ONCE {
            self.wait()?;
        }
        let payload = PutPayload::from(std::mem::replace(&mut self.part, Vec::with_capacity(PART)));
        let (store, key, id) = (
            Arc::clone(&self.bucket.store),
            self.key.clone(),
            self.id.clone(),
        );
        let index = self.begun;
        self.begun += 1;
        self.sending.spawn_on(
            async move { (index, store.put_part(&key, &id, index, payload).await) },
            self.bucket.runtime.handle(),
        );
        Ok(())
    }

    fn wait(&mut self) -> io::Result<()> {
        match self.bucket.runtime.block_on(self.sending.join_next()) {
            None => Ok(()),
            Some(Ok((index, Ok(part)))) => {
                self.parts.push((index, part));
                Ok(())
            }
            Some(Ok((_, Err(error)))) => Err(self.bucket.failed("an upload", error)),
            Some(Err(died)) => Err(io::Error::other(died.to_string())),
        }
    }

    /// Sends the rest and waits until all of it is there; it still cannot be seen.
    pub fn flush_all(&mut self) -> io::Result<()> {
        if !self.part.is_empty() || self.begun == 0 {
            self.send()?;
        }
        while !self.sending.is_empty() {
            self.wait()?;
        }
        Ok(())
    }

    /// Makes it an object, looks whether it has its size, and writes its record beside it.
    pub fn complete(mut self, manifest: &Manifest) -> io::Result<StoredName> {
        self.flush_all()?;
        let mut parts = std::mem::take(&mut self.parts);
        parts.sort_by_key(|(index, _)| *index);
        let parts = parts.into_iter().map(|(_, part)| part).collect();
        let bucket = self.bucket;
        bucket.runtime.block_on(async {
            bucket
                .store
                .complete_multipart(&self.key, &self.id, parts)
                .await
                .map_err(|error| bucket.failed("completing an upload", error))?;
            self.is_over = true;
            let there = bucket
                .store
                .head(&self.key)
                .await
                .map_err(|error| bucket.failed("looking at an upload", error))?;
            if there.size != manifest.size {
                return Err(io::Error::other(format!(
                    "{} has {} bytes in the bucket {} instead of {}",
                    self.key, there.size, bucket.name, manifest.size
                )));
            }
            bucket.put_manifest(&self.name, manifest).await
        })?;
        Ok(self.name.clone())
    }
}

impl io::Write for Upload<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let size = part_size(self.begun);
        let space = size.saturating_sub(self.part.len());
        let taken = bytes.get(..space.min(bytes.len())).unwrap_or_default();
        self.part.extend_from_slice(taken);
        if self.part.len() >= size {
            self.send()?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Upload<'_> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        self.sending.abort_all();
        // Whoever gave it up says why; parts that stay although they were asked to go cost money, no
        // correctness, and a rule of the bucket (AbortIncompleteMultipartUpload) removes them.
        let _aborted = self
            .bucket
            .runtime
            .block_on(self.bucket.store.abort_multipart(&self.key, &self.id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_even_first_and_then_grow_to_hold_half_a_tebibyte() {
        assert_eq!(part_size(0), PART);
        assert_eq!(part_size(EVEN_PARTS - 1), PART);
        assert_eq!(part_size(EVEN_PARTS), 2 * PART);
        let all: usize = (0..10_000).map(part_size).sum();
        assert!(all > 500 << 30, "{all}");
    }
}
