//! Pulling an image, or making it by a recipe where it is a base that cannot be had.

use std::collections::BTreeMap;

use bollard::auth::DockerCredentials;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt;

use super::reference::Reference;
use super::{Image, Images};
use crate::compose::model::PullPolicy;
use crate::stage::StageError;
use crate::stage::docker::client::problem;

impl Images {
    pub(super) async fn find_or_pull(
        &self,
        name: &str,
        pull: PullPolicy,
        platform: Option<&str>,
    ) -> Result<Image, StageError> {
        if pull != PullPolicy::Always
            && let Some(image) = self.find(name).await?
        {
            return Ok(image);
        }
        if pull == PullPolicy::Never {
            let cause = "it is not on the engine and may not be pulled (pull_policy: never)";
            return Err(StageError::new("find", format!("image {name}"), cause));
        }
        match (self.pull(name, platform).await, self.recipe_for(name)) {
            (Ok(()), _) => {}
            (Err(error), None) => return Err(error),
            (Err(_), Some(_)) if self.find(name).await?.is_some() => {}
            (Err(error), Some(recipe)) => self.make(name, &recipe, &error).await?,
        }
        let lost = || StageError::new("find", format!("image {name}"), "it is not there after it was pulled");
        self.find(name).await?.ok_or_else(lost)
    }

    async fn pull(&self, name: &str, platform: Option<&str>) -> Result<(), StageError> {
        self.say(&format!("pulling {name}"));
        let reference = Reference::parse(name);
        let credentials = self.credentials(&reference.registry).await?;
        let mut options = CreateImageOptionsBuilder::default().from_image(&reference.name);
        if let Some(tag) = &reference.tag {
            options = options.tag(tag);
        }
        if let Some(platform) = platform {
            options = options.platform(platform);
        }
        let mut progress = self.engine.docker().create_image(Some(options.build()), None, credentials);
        while let Some(step) = progress.next().await {
            step.map_err(|error| problem("pull", format!("image {name}"), error).error)?;
        }
        Ok(())
    }

    async fn credentials(&self, registry: &str) -> Result<Option<DockerCredentials>, StageError> {
        let found = self.config.of(registry, self.options.surroundings.path.as_deref()).await;
        found.map_err(|cause| StageError::new("get", format!("credentials for {registry}"), cause))
    }

    /// Credentials for everything that a build pulls by itself, by registry.
    pub(super) async fn credentials_for<'a>(
        &self,
        names: impl IntoIterator<Item = &'a String>,
    ) -> Result<BTreeMap<String, DockerCredentials>, StageError> {
        let mut all = BTreeMap::new();
        for name in names {
            let registry = Reference::parse(name).registry;
            if let Some(credentials) = self.credentials(&registry).await? {
                all.insert(credentials.serveraddress.clone().unwrap_or(registry), credentials);
            }
        }
        Ok(all)
    }
}
