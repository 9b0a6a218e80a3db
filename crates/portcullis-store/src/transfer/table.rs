//! Which tables there are, column by column. A test compares this with the schema.

/// A table as it is moved.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [Column],
    /// So many of the columns, the first ones, are the primary key.
    pub(crate) key: usize,
    /// Has rows from the start, and few: replaced as a whole.
    pub(crate) whole: bool,
    /// Which rows are data; the others belong to the database itself.
    pub(crate) only: Option<&'static str>,
    /// Whether a backup holds it: neither what the master key seals, nor sessions, which a restore ends.
    pub(crate) in_backup: bool,
}

#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
}

/// What both engines have, though by different names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Integer,
    Text,
    Bytes,
    /// 16 bytes.
    Uuid,
}

impl Table {
    /// The table of this name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        TABLES.iter().find(|table| table.name == name)
    }

    /// The columns of the primary key.
    pub(crate) fn key_columns(&self) -> &'static [Column] {
        &self.columns[..self.key]
    }
}

macro_rules! table {
    ($name:literal ($($key:ident $key_kind:ident),+) $($column:ident $kind:ident)*) => {
        Table {
            name: $name,
            columns: &[
                $(Column { name: stringify!($key), kind: Kind::$key_kind },)+
                $(Column { name: stringify!($column), kind: Kind::$kind },)*
            ],
            key: [$(stringify!($key)),+].len(),
            whole: false,
            only: None,
            in_backup: true,
        }
    };
}

/// All tables whose rows are data, those before that others refer to. Not among them: the migrations, which each database
/// has its own of, and the leases, which belong to processes.
pub(crate) const TABLES: &[Table] = &[
    Table {
        whole: true,
        ..table!("portcullis_counters" (name Text) n Integer)
    },
    Table {
        whole: true,
        only: Some("name <> 'unfinished' AND name <> 'least_migration'"),
        ..table!("portcullis_meta" (name Text) value Text)
    },
    Table {
        whole: true,
        ..table!("portcullis_roles" (name Text) description Text scopes Text implies Text)
    },
    Table {
        whole: true,
        in_backup: false,
        ..table!("portcullis_keys" (kid Text) algorithm Text state Text sealed_private Bytes public_jwk Text
                 created_at Integer activated_at Integer retire_at Integer)
    },
    Table {
        whole: true,
        ..table!("portcullis_lanes" (lane Integer) n Integer tag Integer)
    },
    table!("portcullis_users" (id Uuid) email Text email_key Text name Text name_key Text password Text
           password_kind Text status Text token_epoch Integer session_epoch Integer created_at Integer
           password_epoch Integer),
    table!("portcullis_user_roles" (user_id Uuid, role Text)),
    Table {
        in_backup: false,
        ..table!("portcullis_sessions" (id Uuid) user_id Uuid session_epoch Integer sealed_salt Bytes counter Integer
           rotated_at Integer rotated_before_at Integer narrowed Text address Text agent Text created_at Integer
           last_used_at Integer idle_expires_at Integer expires_at Integer ended_at Integer end_reason Text)
    },
    table!("portcullis_identities" (id Uuid) user_id Uuid provider Text issuer Text subject Text email Text vouched Text
           linked_at Integer used_at Integer),
    Table {
        in_backup: false,
        ..table!("portcullis_session_origins" (session_id Uuid) identity_id Uuid provider_session Text)
    },
    table!("portcullis_spent" (id Uuid) good_until Integer),
    table!("portcullis_attempts" (bucket Uuid) attempts Integer last_at Integer),
    table!("portcullis_changes" (lane Integer, n Integer) tag Integer kind Text subject Text epoch Integer
           session_epoch Integer happened_at Integer deny_until Integer),
    table!("portcullis_audit" (id Uuid) happened_at Integer kind Text actor Text subject Uuid address Text
           request_id Text detail Text),
];
