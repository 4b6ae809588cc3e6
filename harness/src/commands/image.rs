//! `oomph image`: what images there are, making and removing them.
//! Lives here: the tables, the order of a verb's steps.
//! May not live here: how an image is made (`image`).

use super::cli::{BuildImage, Global, ImageVerb};
use super::exit::Status;
use super::interrupt::interruptible;
use super::kernel::{prune, runtime};
use super::named::{images, named};
use super::output::Output;
use crate::image::{self, Images, ShownImage};
use crate::kernel::{self, Cache, Kind};
use crate::report::{Live, image_block};
use crate::scenario::ImageSource;
use anyhow::{Context, bail};
use indicatif::HumanBytes;

/// What belongs to images alone.
const KINDS: [Kind; 2] = [Kind::Roots, Kind::Images];

/// Lists, builds, shows or removes images.
///
/// # Errors
/// Where an image's file is wrong, or an image cannot be had.
pub fn image(global: &Global, verb: &ImageVerb, output: &Output) -> anyhow::Result<Status> {
    let images = images(&[])?;
    let cache = Cache::open(None)?;
    match verb {
        ImageVerb::List => list(&images, &cache, output),
        ImageVerb::Build(options) => build(global, options, &images, &cache, output),
        ImageVerb::Show { image } => {
            let (name, source) = images.from_argument(image)?;
            let shown = image::show_image(&source, &cache)?;
            let shown = shown.with_context(|| format!("{name} is not built; `oomph image build {image}` does it"))?;
            print(&name, &shown, output)
        }
        ImageVerb::Prune(options) => prune(options, &KINDS, &cache, output),
    }
}

fn print(name: &str, shown: &ShownImage, output: &Output) -> anyhow::Result<Status> {
    output.line(&if output.json() { serde_json::to_string(shown)? } else { image_block(name, shown) })
}

fn list(images: &Images, cache: &Cache, output: &Output) -> anyhow::Result<Status> {
    let listed = image::list_images(images, cache);
    let width = |text: fn(&image::ListedImage) -> &str| listed.iter().map(|image| text(image).len()).max().unwrap_or(0);
    let (name, what) = (width(|image| &image.name), width(|image| &image.what));
    for image in &listed {
        if output.json() {
            output.line(&serde_json::to_string(image)?)?;
            continue;
        }
        let state = match (&image.problem, &image.here) {
            (Some(problem), _) => problem.clone(),
            (None, Some(here)) if here.size == 0 => "made for each run".to_owned(),
            (None, Some(here)) => HumanBytes(here.size).to_string(),
            (None, None) => "not built".to_owned(),
        };
        output.line(&format!("{:<name$}  {:<what$}  {state}", image.name, image.what))?;
    }
    Ok(Status::AsExpected)
}

fn build(
    global: &Global,
    options: &BuildImage,
    images: &Images,
    cache: &Cache,
    output: &Output,
) -> anyhow::Result<Status> {
    let (name, source) = images.from_argument(&options.image)?;
    let ImageSource::Debian(definition) = source else {
        bail!(
            "there is nothing to build of `{name}`: {}",
            match source {
                ImageSource::Minimal => "it is made for each run",
                _ => "it is a disk of yours",
            }
        );
    };
    let runtime = runtime()?;
    let live = Live::new(&name);
    let progress = |text: &str| live.doing(text);
    let work = async {
        let version = match &options.for_kernel {
            Some(kernel) => {
                let names = named(global, &[])?;
                Some(kernel::resolve(&names.from_argument(kernel), &names, cache, &progress).await?.version)
            }
            None => None,
        };
        anyhow::Ok(image::system(&definition, version, cache, &progress).await?)
    };
    let system = runtime.block_on(interruptible(work))?;
    live.done();
    let Some(system) = system.transpose()? else {
        // Until mmdebstrap and all that it started is gone.
        drop(runtime);
        return Ok(Status::Interrupted);
    };
    print(&name, &ShownImage::Debian(Box::new(system)), output)
}
