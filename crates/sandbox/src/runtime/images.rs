//! Images: finished builds, kept as directories, addressed by content.
//!
//! `images/<64 hex>/tree` is the working directory of an image and never changes once it is there;
//! `images/<64 hex>/image.json` describes it. `tags.json` maps names such as `dokku/myapp:latest`
//! to ids, as `docker tag` does.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use fs_err as fs;
use serde::{Deserialize, Serialize};

use super::files;
use super::tree;

/// What is known about an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// `sha256:` and 64 hexadecimal digits, derived from app and content.
    pub id: String,
    /// The app it was built for (its `com.dokku.app-name` label).
    pub app: String,
    /// The commit it was first built from.
    pub commit: String,
    /// When it was first built.
    pub created: jiff::Timestamp,
}

/// The images of a host.
#[derive(Debug)]
pub struct Images {
    root: PathBuf,
    tags: Mutex<()>,
}

impl Images {
    /// Opens (and on first use makes) the image store under `root`.
    pub fn open(root: &Path) -> io::Result<Self> {
        fs::create_dir_all(root.join("images"))?;
        Ok(Self {
            root: root.to_owned(),
            tags: Mutex::new(()),
        })
    }

    /// The name under which an app's newest image is found.
    pub fn latest_tag(app: &str) -> String {
        format!("dokku/{app}:latest")
    }

    /// Takes a built tree (moved away from `built`) as an image of `app`.
    ///
    /// An image with the same content is kept, and `built` removed.
    pub fn add(
        &self,
        app: &str,
        commit: &str,
        built: &Path,
        now: jiff::Timestamp,
    ) -> io::Result<Image> {
        let digest = tree::digest(built, app)?;
        let id = format!("sha256:{digest}");
        if let Some(image) = self.find(&id)? {
            fs::remove_dir_all(built)?;
            return Ok(image);
        }
        let image = Image {
            id,
            app: app.to_owned(),
            commit: commit.to_owned(),
            created: now,
        };
        let directory = self.root.join("images").join(&digest);
        // A directory without image.json is what a killed build left: it is not an image.
        if directory.exists() {
            fs::remove_dir_all(&directory)?;
        }
        fs::create_dir_all(&directory)?;
        fs::rename(built, directory.join("tree"))?;
        files::write_json(&directory.join("image.json"), &image)?;
        Ok(image)
    }

    /// The image with this id, `None` when there is none.
    pub fn find(&self, id: &str) -> io::Result<Option<Image>> {
        files::read_json(&self.directory(id).join("image.json"))
    }

    /// The image that a name such as `dokku/myapp:latest` points to.
    pub fn tagged(&self, tag: &str) -> io::Result<Option<Image>> {
        match self.tags()?.get(tag) {
            Some(id) => self.find(id),
            None => Ok(None),
        }
    }

    /// Points a name at an image.
    ///
    /// # Errors
    /// `NotFound` when there is no such image.
    pub fn tag(&self, id: &str, tag: &str) -> io::Result<()> {
        if self.find(id)?.is_none() {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!("No such image: {id}"),
            ));
        }
        self.change_tags(|tags| {
            tags.insert(tag.to_owned(), id.to_owned());
        })
    }

    /// All names, with the ids that they point to.
    pub fn names(&self) -> io::Result<BTreeMap<String, String>> {
        self.tags()
    }

    /// Removes a name; the image stays.
    pub fn untag(&self, tag: &str) -> io::Result<()> {
        self.change_tags(|tags| {
            tags.remove(tag);
        })
    }

    /// The working directory of an image, to be copied, never changed.
    pub fn tree(&self, id: &str) -> PathBuf {
        self.directory(id).join("tree")
    }

    /// All images of an app, newest first.
    pub fn of_app(&self, app: &str) -> io::Result<Vec<Image>> {
        let mut images = Vec::new();
        for entry in fs::read_dir(self.root.join("images"))? {
            let image: Option<Image> = files::read_json(&entry?.path().join("image.json"))?;
            images.extend(image.filter(|image| image.app == app));
        }
        images.sort_by_key(|image| std::cmp::Reverse(image.created));
        Ok(images)
    }

    /// Removes the app's images that are neither its `latest` nor in `used`, other names
    /// notwithstanding (a recorded Dokku removes those as well). Returns the removed ids.
    pub fn clean_up(&self, app: &str, used: &BTreeSet<String>) -> io::Result<Vec<String>> {
        let latest = self.tags()?.get(&Self::latest_tag(app)).cloned();
        let mut removed = Vec::new();
        for image in self.of_app(app)? {
            if latest.as_ref() == Some(&image.id) || used.contains(&image.id) {
                continue;
            }
            self.remove(&image.id)?;
            removed.push(image.id);
        }
        Ok(removed)
    }

    /// Removes all images of an app and the names that point to them.
    pub fn remove_app(&self, app: &str) -> io::Result<()> {
        self.untag(&Self::latest_tag(app))?;
        for image in self.of_app(app)? {
            self.remove(&image.id)?;
        }
        Ok(())
    }

    /// Removes an image and the names that point to it.
    pub fn remove(&self, id: &str) -> io::Result<()> {
        self.change_tags(|tags| tags.retain(|_, target| target != id))?;
        // First the description: without it the directory is no image any more.
        fs::remove_file(self.directory(id).join("image.json"))?;
        fs::remove_dir_all(self.directory(id))
    }

    fn directory(&self, id: &str) -> PathBuf {
        self.root
            .join("images")
            .join(id.strip_prefix("sha256:").unwrap_or(id))
    }

    fn tags(&self) -> io::Result<BTreeMap<String, String>> {
        Ok(files::read_json(&self.root.join("tags.json"))?.unwrap_or_default())
    }

    fn change_tags(&self, change: impl FnOnce(&mut BTreeMap<String, String>)) -> io::Result<()> {
        let _guard = files::locked(&self.tags);
        let mut tags = self.tags()?;
        change(&mut tags);
        files::write_json(&self.root.join("tags.json"), &tags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> jiff::Timestamp {
        jiff::Timestamp::from_second(second).unwrap()
    }

    fn build(root: &Path, content: &str) -> PathBuf {
        let built = root.join("built");
        fs::create_dir_all(&built).unwrap();
        fs::write(built.join("file"), content).unwrap();
        built
    }

    #[test]
    fn equal_builds_are_one_image() {
        let dir = tempfile::tempdir().unwrap();
        let images = Images::open(dir.path()).unwrap();
        let one = images
            .add("a", "c1", &build(dir.path(), "x"), at(1))
            .unwrap();
        let two = images
            .add("a", "c2", &build(dir.path(), "x"), at(2))
            .unwrap();
        let other_app = images
            .add("b", "c1", &build(dir.path(), "x"), at(3))
            .unwrap();
        assert_eq!(one, two);
        assert_eq!(one.commit, "c1");
        assert_ne!(one.id, other_app.id);
        assert!(
            one.id.starts_with("sha256:") && one.id.len() == 71,
            "{}",
            one.id
        );
        assert_eq!(
            fs::read_to_string(images.tree(&one.id).join("file")).unwrap(),
            "x"
        );
        assert!(!dir.path().join("built").exists());
    }

    #[test]
    fn clean_up_keeps_the_latest_and_the_used_images_only() {
        let dir = tempfile::tempdir().unwrap();
        let images = Images::open(dir.path()).unwrap();
        let ids: Vec<String> = (1..=3)
            .map(|n| {
                images
                    .add("a", "c", &build(dir.path(), &n.to_string()), at(n))
                    .unwrap()
                    .id
            })
            .collect();
        let foreign = images
            .add("b", "c", &build(dir.path(), "1"), at(9))
            .unwrap();
        images.tag(&ids[2], &Images::latest_tag("a")).unwrap();
        images.tag(&ids[0], "kept/by:name").unwrap();
        let removed = images
            .clean_up("a", &BTreeSet::from([ids[1].clone()]))
            .unwrap();
        assert_eq!(removed, [ids[0].clone()]);
        assert_eq!(images.tagged("kept/by:name").unwrap(), None);
        assert_eq!(images.of_app("a").unwrap().len(), 2);
        assert!(images.find(&foreign.id).unwrap().is_some());
    }

    #[test]
    fn an_unknown_image_cannot_be_tagged() {
        let dir = tempfile::tempdir().unwrap();
        let images = Images::open(dir.path()).unwrap();
        let error = images.tag("sha256:none", "a:b").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
