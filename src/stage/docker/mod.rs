//! The stage on a Docker engine: the only importer of `bollard`.
