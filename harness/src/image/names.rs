//! Images by name: `images/NAME.yaml`.
//! Lives here: where they are found, the copies in the program.
//! May not live here: their format (`scenario`), or making one.

use super::error::Error;
use crate::scenario::{ImageSource, ImageSpec, MINIMAL, NamedImage, ScenarioError, load_image, nearest, parse_image};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Where they lie in a source tree.
const PLACE: &str = "images";
/// Where `make install` puts them, from the folder of the program.
const INSTALLED: &str = "../share/oomph/images";
/// The copies for a program that is alone.
const EMBEDDED: [(&str, &str); 3] = [
    (MINIMAL, include_str!("../../../images/minimal.yaml")),
    ("debian", include_str!("../../../images/debian.yaml")),
    ("debian-trixie", include_str!("../../../images/debian-trixie.yaml")),
];

/// All images that have a name: files in a folder, and those that are part of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    folder: Option<PathBuf>,
}

/// A named image.
#[derive(Debug)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// Its file, or "built in".
    pub file: String,
    /// What it is, or what is wrong with its file.
    pub image: Result<NamedImage, ScenarioError>,
}

impl Images {
    /// The nearest folder `images` upward from the first of `places` that has one with images in it, else the one that was
    /// installed with the program; what is not there is taken from the program itself.
    pub fn find(places: &[&Path]) -> Self {
        let near = |place: &&Path| {
            let place = std::path::absolute(place).ok()?;
            place.ancestors().map(|up| up.join(PLACE)).find(|folder| !names_in(folder).is_empty())
        };
        let installed = || {
            let program = std::env::current_exe().ok()?;
            Some(program.parent()?.join(INSTALLED)).filter(|folder| folder.is_dir())
        };
        Self { folder: places.iter().find_map(near).or_else(installed) }
    }

    /// The names that there are, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: BTreeSet<String> = EMBEDDED.iter().map(|(name, _)| (*name).to_owned()).collect();
        names.extend(self.folder.as_deref().map(names_in).unwrap_or_default());
        names.into_iter().collect()
    }

    /// An image by its name; `None` where there is none.
    pub fn get(&self, name: &str) -> Option<Named> {
        let embedded = EMBEDDED.iter().find(|(known, _)| *known == name);
        let path = self.folder.as_ref().map(|folder| folder.join(format!("{name}.yaml")));
        let (file, image) = match path.filter(|path| name != MINIMAL && plain(name) && path.is_file()) {
            Some(path) => (path.display().to_string(), load_image(&path)),
            None => {
                let file = "built in".to_owned();
                let image = parse_image(embedded?.1, Path::new(&file), Path::new(""));
                (file, image)
            }
        };
        Some(Named { name: name.to_owned(), file, image })
    }

    /// What a scenario's image is.
    ///
    /// # Errors
    /// Where no image has that name, its file is wrong, or it names files that are not there.
    pub fn meaning(&self, spec: &ImageSpec) -> Result<ImageSource, Error> {
        let name = match spec {
            ImageSpec::Named(name) => name,
            ImageSpec::Inline(source) => return Ok(source.clone()),
        };
        let Some(named) = self.get(name) else {
            let known = self.names();
            let words: Vec<&str> = known.iter().map(String::as_str).collect();
            let suggestion = nearest(name, &words).map(str::to_owned);
            return Err(Error::UnknownImage { name: name.clone(), suggestion, known });
        };
        sound(name, named.image)
    }

    /// What `oomph image build TEXT` means: a name, else the file of an image if it looks like one or is there.
    ///
    /// # Errors
    /// As [`Images::meaning`].
    pub fn from_argument(&self, text: &str) -> Result<(String, ImageSource), Error> {
        let path = Path::new(text);
        if !text.contains('/') && !path.is_file() || self.get(text).is_some() {
            return Ok((text.to_owned(), self.meaning(&ImageSpec::Named(text.to_owned()))?));
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok((name, sound(text, load_image(path))?))
    }
}

fn sound(name: &str, image: Result<NamedImage, ScenarioError>) -> Result<ImageSource, Error> {
    match image? {
        NamedImage { problem: Some(problem), .. } => Err(Error::UnusableImage { name: name.to_owned(), problem }),
        NamedImage { source, .. } => Ok(source),
    }
}

/// Whether a text can be the name of an image, and not a path.
fn plain(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric()) && !name.contains('/')
}

/// The images in a folder, by their files' names.
fn names_in(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = files.filter_map(|file| Some(file.file_name().to_str()?.strip_suffix(".yaml")?.to_owned()));
    names.filter(|name| plain(name)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::scenario::{DebianImage, Filesystem, ImageKernel};

    fn named(name: &str) -> ImageSpec {
        ImageSpec::Named(name.into())
    }

    #[test]
    fn the_built_in_images_are_sound() {
        let images = Images::find(&[Path::new("/")]);
        assert_eq!(images.names(), ["debian", "debian-trixie", "minimal"]);
        assert_eq!(images.meaning(&ImageSpec::default()).unwrap(), ImageSource::Minimal);
        assert_eq!(images.meaning(&named("debian")).unwrap(), ImageSource::Debian(DebianImage::of("bookworm")));
        assert_eq!(images.meaning(&named("debian-trixie")).unwrap(), ImageSource::Debian(DebianImage::of("trixie")));
        let error = images.meaning(&named("debain")).unwrap_err().to_string();
        let words = "no image is named `debain` (did you mean `debian`?); there are: debian, debian-trixie, minimal";
        assert_eq!(error, words);
    }

    #[test]
    fn files_come_first_but_for_the_minimal_one() {
        let place = tempfile::tempdir().unwrap();
        let (folder, deep) = (place.path().join("images"), place.path().join("scenarios/deep"));
        for path in [&folder, &deep] {
            std::fs::create_dir_all(path).unwrap();
        }
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
        write("debian.yaml", "debian: sid\nfilesystem: ext4\npackages: [vim, jq, vim]\nsize: 3 GiB\nkernel: own\n");
        write("minimal.yaml", "debian: sid\n");
        write("mine.yaml", "disk: gone.qcow2\nssh: {user: root, password: x}\n");
        write("bad.yaml", "debian: sid\nsise: 1\n");
        let images = Images::find(&[Path::new("/nonexistent"), &deep]);
        assert_eq!(images.names(), ["bad", "debian", "debian-trixie", "mine", "minimal"]);
        let wanted = DebianImage {
            release: "sid".into(),
            filesystem: Filesystem::Ext4,
            packages: vec!["jq".into(), "vim".into()],
            size: 3 << 30,
            kernel: ImageKernel::Own,
        };
        assert_eq!(images.meaning(&named("debian")).unwrap(), ImageSource::Debian(wanted.clone()));
        assert_eq!(images.meaning(&named("minimal")).unwrap(), ImageSource::Minimal);
        let error = images.meaning(&named("mine")).unwrap_err().to_string();
        assert!(error.contains("`mine` cannot be had") && error.contains("`gone.qcow2` does not exist"), "{error}");
        let error = images.meaning(&named("bad")).unwrap_err().to_string();
        assert!(error.contains("bad.yaml:2:1") && error.contains("did you mean `size`?"), "{error}");
        let file = folder.join("debian.yaml");
        let (name, source) = Images { folder: None }.from_argument(file.to_str().unwrap()).unwrap();
        assert_eq!((name.as_str(), source), ("debian", ImageSource::Debian(wanted)));
        assert!(images.from_argument("./no/such.yaml").unwrap_err().to_string().contains("cannot be read"));
    }
}
