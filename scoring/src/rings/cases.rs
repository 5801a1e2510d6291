//! Accounts that have an open case, by tenant: told anew before somebody asks.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// An account's open case: what a decision about it names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OpenCase {
    /// The case.
    pub case_id: String,
    /// Its version.
    pub version: u64,
}

/// Open cases by tenant and account.
#[derive(Debug, Clone, Default)]
pub(super) struct OpenCases {
    tenants: BTreeMap<u32, HashMap<String, OpenCase>>,
}

impl OpenCases {
    /// All open cases of the tenant from now on, by account.
    pub(super) fn replace(&mut self, tenant: u32, cases: HashMap<String, OpenCase>) {
        self.tenants.insert(tenant, cases);
    }

    pub(super) fn get(&self, tenant: u32, account: &str) -> Option<&OpenCase> {
        self.tenants.get(&tenant)?.get(account)
    }
}
