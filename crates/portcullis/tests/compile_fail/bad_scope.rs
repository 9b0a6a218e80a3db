portcullis::scopes! {
    pub Write = "articles write": "Write articles";
}

mod twice {
    portcullis::scopes! {
        pub Write = "write": "Write";
        pub Edit = "write": "Edit";
    }
}

mod undescribed {
    portcullis::scopes! { pub Write = "write"; }
}

fn main() {}
