use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote, quote_spanned};
use syn::{Data, DeriveInput, Field, Fields, Ident, Type, spanned::Spanned};

/// The fields of a user that a gate wants to know.
pub(crate) struct CallerFields<'a> {
    input: &'a DeriveInput,
    id: &'a Field,
    /// `role` is one, `roles` are several.
    roles: Option<(&'a Field, Number)>,
    scopes: Option<&'a Field>,
}

#[derive(Clone, Copy, PartialEq)]
enum Number {
    One,
    Several,
}

const KNOWN: [&str; 4] = ["id", "role", "roles", "scopes"];

impl<'a> CallerFields<'a> {
    pub(crate) fn of(input: &'a DeriveInput) -> syn::Result<Self> {
        let Data::Struct(data) = &input.data else {
            return Err(syn::Error::new(
                input.ident.span(),
                "`Caller` is derived for structs: give it a struct with a field `id`",
            ));
        };
        let Fields::Named(fields) = &data.fields else {
            return Err(syn::Error::new(
                input.ident.span(),
                "`Caller` needs fields with names: `id`, and `role`, `roles` or `scopes`",
            ));
        };
        let mut found: [Option<&Field>; 4] = [None; 4];
        for field in &fields.named {
            let Some(place) = place(field)? else { continue };
            if let Some(first) = found[place] {
                return Err(syn::Error::new(
                    field.span(),
                    format!(
                        "there are two fields for `{}`: the other one is `{}`",
                        KNOWN[place],
                        name(first).into_token_stream()
                    ),
                ));
            }
            found[place] = Some(field);
        }
        let [id, role, roles, scopes] = found;
        for field in [role, roles, scopes].into_iter().flatten() {
            check_present(field)?;
        }
        let Some(id) = id else {
            return Err(syn::Error::new(
                input.ident.span(),
                "a user needs a field `id`, for the log: name one so, or write `#[caller(id)]` above it",
            ));
        };
        let roles = match (role, roles) {
            (Some(_), Some(several)) => {
                return Err(syn::Error::new(
                    several.span(),
                    "a user has `role` or `roles`, not both: which of them would count?",
                ));
            }
            (Some(one), None) => Some((one, Number::One)),
            (None, several) => several.map(|field| (field, Number::Several)),
        };
        Ok(Self {
            input,
            id,
            roles,
            scopes,
        })
    }

    pub(crate) fn expand(&self) -> TokenStream {
        let user = &self.input.ident;
        let (generics, arguments, bounds) = self.input.generics.split_for_impl();
        let id = name(self.id);
        let held =
            |field: Option<&Field>, held: TokenStream| {
                field.map_or_else(
                || quote!({ let _ = name; false }),
                |field| {
                    let (name, ty) = (name(field), &field.ty);
                    quote_spanned!(ty.span()=> <#ty as ::portcullis::access::#held>::holds(&self.#name, name))
                },
            )
            };
        let names = |field: Option<&Field>, list: TokenStream| {
            field.map_or_else(
                || quote!(::std::vec::Vec::new()),
                |field| {
                    let (name, ty) = (name(field), &field.ty);
                    quote_spanned!(ty.span()=> <#ty as ::portcullis::access::#list(&self.#name))
                },
            )
        };
        let roles_field = self.roles.map(|(field, _)| field);
        let has_role = held(roles_field, quote!(HeldRoles));
        let has_scope = held(self.scopes, quote!(HeldScopes));
        let roles = names(roles_field, quote!(HeldRoles > ::role_names));
        let scopes = names(self.scopes, quote!(HeldScopes > ::scope_names));
        let single_role = matches!(self.roles, Some((_, Number::One))).then(|| {
            quote! {
                fn single_role(&self) -> ::std::option::Option<::std::string::String> {
                    #roles.into_iter().next()
                }
            }
        });
        let marker = |is: bool, marker: TokenStream| {
            is.then(|| quote!(impl #generics ::portcullis::access::#marker for #user #arguments #bounds {}))
        };
        let with_roles = marker(self.roles.is_some(), quote!(HasRoles));
        let with_scopes = marker(self.scopes.is_some(), quote!(HasScopes));
        quote! {
            impl #generics ::portcullis::access::Holder for #user #arguments #bounds {
                fn has_role(&self, name: &str) -> bool { #has_role }
                fn has_scope(&self, name: &str) -> bool { #has_scope }
            }

            impl #generics ::portcullis::access::Caller for #user #arguments #bounds {
                fn id(&self) -> ::std::string::String {
                    ::std::string::ToString::to_string(&self.#id)
                }

                fn roles(&self) -> ::std::vec::Vec<::std::string::String> { #roles }

                fn scopes(&self) -> ::std::vec::Vec<::std::string::String> { #scopes }

                #single_role
            }

            #with_roles
            #with_scopes
        }
    }
}

/// Only fields with names come here, of a struct that `CallerFields::of` has looked at: others have no name to give.
fn name(field: &Field) -> Option<&Ident> {
    field.ident.as_ref()
}

/// Which of the known fields it is: by its name, or by `#[caller(..)]`.
fn place(field: &Field) -> syn::Result<Option<usize>> {
    let mut place = KNOWN
        .iter()
        .position(|known| name(field).is_some_and(|name| name == known));
    for attribute in field
        .attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident("caller"))
    {
        let what: Ident = attribute.parse_args()?;
        let Some(known) = KNOWN.iter().position(|known| what == known) else {
            return Err(syn::Error::new(
                what.span(),
                format!(
                    "write one of {}",
                    KNOWN.map(|known| format!("`{known}`")).join(", ")
                ),
            ));
        };
        place = Some(known);
    }
    Ok(place)
}

/// A role that may be absent would be a third answer between yes and no.
fn check_present(field: &Field) -> syn::Result<()> {
    if let Type::Path(path) = &field.ty
        && path
            .path
            .segments
            .last()
            .is_some_and(|last| last.ident == "Option")
    {
        return Err(syn::Error::new(
            field.ty.span(),
            format!(
                "`{}` must not be an `Option`: use `roles: Vec<Role>` if a user may have none, or a role that may do nothing",
                name(field).into_token_stream()
            ),
        ));
    }
    Ok(())
}
