//! Accounts that have an open case, by tenant: told anew before somebody asks.

use std::collections::{BTreeMap, HashMap};

/// Open cases by tenant and account.
#[derive(Debug, Clone, Default)]
pub(super) struct OpenCases {
    tenants: BTreeMap<u32, HashMap<String, String>>,
}

impl OpenCases {
    /// All open cases of the tenant from now on, by account.
    pub(super) fn replace(&mut self, tenant: u32, cases: HashMap<String, String>) {
        self.tenants.insert(tenant, cases);
    }

    pub(super) fn get(&self, tenant: u32, account: &str) -> Option<&str> {
        self.tenants.get(&tenant)?.get(account).map(String::as_str)
    }
}
