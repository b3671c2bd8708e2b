//! The domain of the Dokku Deploy System: pure values and decisions, no effects.
//!
//! Modules import downward only: `app`, `secret` → `command`, `credentials` → `host`, `net`, `clock` →
//! concepts (`lock`, `release`, …) → `settings`, `dokku` → `rollout` → `flows`.

pub mod app;
pub mod audit;
pub mod backup;
pub mod certificate;
pub mod clock;
pub mod command;
pub mod credentials;
pub mod dashboard;
pub mod deployment;
pub mod dokku;
pub mod dump;
pub mod event;
pub mod flows;
pub mod github;
pub mod health;
pub mod host;
pub mod interrupt;
pub mod journal;
pub mod lock;
pub mod naming;
pub mod net;
pub mod notification;
pub mod plugin_protocol;
pub mod release;
pub mod retention;
pub mod rollout;
pub mod secret;
pub mod service;
pub mod settings;
pub mod store;
pub mod transfer;
pub mod variables;
pub mod visible;
