//! The table of what a change of the HTTP contract is called, and whether it breaks clients. Judges no document.

/// What a change means for a client that was made for the older contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A request that worked is refused, or an answer comes that was not to be expected, or a generated client does not
    /// compile any more.
    Breaks,
    /// A client that treats the contract as it asks to be treated notices nothing.
    Compatible,
}

macro_rules! kinds {
    ($($(#[doc = $meaning:literal])+ $kind:ident = $name:literal, $verdict:ident;)+) => {
        /// What changed. The docs of the variants are the table in `README.md` beside this file.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind {
            $($(#[doc = $meaning])+ $kind,)+
        }

        impl Kind {
            pub const ALL: &[Self] = &[$(Self::$kind,)+];

            /// As it is written in `declared.json`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)+
                }
            }

            pub fn verdict(self) -> Verdict {
                match self {
                    $(Self::$kind => Verdict::$verdict,)+
                }
            }

            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$kind => concat!($($meaning),+).trim_ascii(),)+
                }
            }
        }
    };
}

kinds! {
    /// A base URL is gone.
    ServerRemoved = "server_removed", Breaks;
    /// A base URL more.
    ServerAdded = "server_added", Compatible;
    /// The document follows another version of OpenAPI; a generator may know one of them only.
    SpecificationVersion = "specification_version", Compatible;
    /// A way to authenticate is gone from the document.
    SecuritySchemeRemoved = "security_scheme_removed", Breaks;
    /// A way to authenticate works otherwise: another type, place, header or URL.
    SecuritySchemeChanged = "security_scheme_changed", Breaks;
    /// A way to authenticate more.
    SecuritySchemeAdded = "security_scheme_added", Compatible;
    /// The same way to authenticate has another name in the document.
    SecuritySchemeRenamed = "security_scheme_renamed", Compatible;
    /// A scope or a flow of OAuth 2.0 is gone.
    ScopeRemoved = "scope_removed", Breaks;
    /// A scope or a flow of OAuth 2.0 more.
    ScopeAdded = "scope_added", Compatible;
    /// A problem code stands in no answer any more: it was renamed, or the failure cannot happen.
    ProblemCodeWithdrawn = "problem_code_withdrawn", Breaks;
    /// A component has another name: the types of generated clients are called otherwise, the wire is the same.
    SchemaRenamed = "schema_renamed", Compatible;
    /// What was written out is a component: generated clients have a type for it.
    SchemaNamed = "schema_named", Compatible;
    /// A component is written out: generated clients have no type for it, or make up a name.
    SchemaUnnamed = "schema_unnamed", Compatible;

    /// The operation is gone.
    OperationRemoved = "operation_removed", Breaks;
    /// The operation has another path or method.
    OperationMoved = "operation_moved", Breaks;
    /// A new operation.
    OperationAdded = "operation_added", Compatible;
    /// The `operationId` is another one, or gone: the methods of generated clients are called otherwise.
    OperationIdChanged = "operation_id_changed", Breaks;
    /// The operation got an `operationId`.
    OperationIdAdded = "operation_id_added", Compatible;
    /// The first tag is another one, or gone: the classes of generated clients are called otherwise.
    TagChanged = "tag_changed", Breaks;
    /// Tags beside the first one came or went.
    FurtherTagsChanged = "further_tags_changed", Compatible;
    /// Something is deprecated, or not any more.
    DeprecationChanged = "deprecation_changed", Compatible;
    /// Credentials, or more of them or of their scopes, are asked for where a client came in without.
    SecurityAdded = "security_added", Breaks;
    /// One of several ways to authenticate is not accepted any more.
    SecurityAlternativeRemoved = "security_alternative_removed", Breaks;
    /// A further way to authenticate is accepted, or none is needed.
    SecurityAlternativeAdded = "security_alternative_added", Compatible;

    /// A new parameter that must be sent.
    ParameterAddedRequired = "parameter_added_required", Breaks;
    /// A new parameter that may be sent.
    ParameterAdded = "parameter_added", Compatible;
    /// A parameter is gone: refused, or without effect from now on.
    ParameterRemoved = "parameter_removed", Breaks;
    /// A parameter that could be left out must be sent.
    ParameterBecameRequired = "parameter_became_required", Breaks;
    /// A parameter may be left out.
    ParameterBecameOptional = "parameter_became_optional", Compatible;
    /// A part of the path has another name: the arguments of generated clients are called otherwise.
    PathParameterRenamed = "path_parameter_renamed", Breaks;
    /// There must be a body.
    RequestBodyBecameRequired = "request_body_became_required", Breaks;
    /// The body may be left out.
    RequestBodyBecameOptional = "request_body_became_optional", Compatible;
    /// A body is no longer read.
    RequestBodyRemoved = "request_body_removed", Breaks;
    /// There may be a body.
    RequestBodyAdded = "request_body_added", Compatible;
    /// A media type is not accepted any more.
    RequestMediaTypeRemoved = "request_media_type_removed", Breaks;
    /// A further media type is accepted.
    RequestMediaTypeAdded = "request_media_type_added", Compatible;
    /// A new property that must be sent.
    RequestPropertyAddedRequired = "request_property_added_required", Breaks;
    /// A new property that may be sent.
    RequestPropertyAdded = "request_property_added", Compatible;
    /// A property is gone: refused by a closed object, without effect in an open one.
    RequestPropertyRemoved = "request_property_removed", Breaks;
    /// A property that could be left out must be sent.
    RequestPropertyBecameRequired = "request_property_became_required", Breaks;
    /// A property may be left out.
    RequestPropertyBecameOptional = "request_property_became_optional", Compatible;
    /// A type is not accepted any more.
    RequestTypeNarrowed = "request_type_narrowed", Breaks;
    /// A further type is accepted.
    RequestTypeWidened = "request_type_widened", Compatible;
    /// `null` is not accepted any more.
    RequestNullRefused = "request_null_refused", Breaks;
    /// `null` is accepted.
    RequestNullAccepted = "request_null_accepted", Compatible;
    /// A value is not accepted any more, or only listed values are.
    RequestValueRemoved = "request_value_removed", Breaks;
    /// Further values are accepted, or all.
    RequestValueAdded = "request_value_added", Compatible;
    /// A length, number or count must be within narrower bounds.
    RequestBoundTightened = "request_bound_tightened", Breaks;
    /// A length, number or count may be within wider bounds.
    RequestBoundLoosened = "request_bound_loosened", Compatible;
    /// A pattern was added, or is another one, of which nobody can tell that it takes all that the former took.
    RequestPatternNarrowed = "request_pattern_narrowed", Breaks;
    /// A pattern is gone.
    RequestPatternRemoved = "request_pattern_removed", Compatible;
    /// A format was added, or is another or a smaller one.
    RequestFormatNarrowed = "request_format_narrowed", Breaks;
    /// A format is gone, or is a larger one.
    RequestFormatWidened = "request_format_widened", Compatible;
    /// What is left out counts as another value, or the document does not say any more as which.
    RequestDefaultChanged = "request_default_changed", Breaks;
    /// The document says what counts when it is left out.
    RequestDefaultAdded = "request_default_added", Compatible;
    /// Properties that are not listed are refused.
    RequestObjectClosed = "request_object_closed", Breaks;
    /// Properties that are not listed are let through.
    RequestObjectOpened = "request_object_opened", Compatible;
    /// One of several forms is not accepted any more.
    RequestAlternativeRemoved = "request_alternative_removed", Breaks;
    /// A further form is accepted.
    RequestAlternativeAdded = "request_alternative_added", Compatible;

    /// A status of success (2xx, 3xx) is not answered any more.
    SuccessStatusRemoved = "success_status_removed", Breaks;
    /// A status of success that a client does not wait for. Not 304: it answers only who sent a condition.
    SuccessStatusAdded = "success_status_added", Breaks;
    /// An error, or 304, is not answered any more.
    OtherStatusRemoved = "other_status_removed", Compatible;
    /// A further error, or 304, is answered: clients judge a status that they do not know by its class (RFC 9110 §15).
    OtherStatusAdded = "other_status_added", Compatible;
    /// An answer does not come in a media type any more.
    ResponseMediaTypeRemoved = "response_media_type_removed", Breaks;
    /// An answer comes in a further media type to who accepts it, or has a body at all.
    ResponseMediaTypeAdded = "response_media_type_added", Compatible;
    /// A header is gone.
    ResponseHeaderRemoved = "response_header_removed", Breaks;
    /// A new header.
    ResponseHeaderAdded = "response_header_added", Compatible;
    /// A header that was always there may be missing.
    ResponseHeaderBecameOptional = "response_header_became_optional", Breaks;
    /// A header is always there.
    ResponseHeaderBecameRequired = "response_header_became_required", Compatible;
    /// A property is gone.
    ResponsePropertyRemoved = "response_property_removed", Breaks;
    /// A property that an error could have, or not, is gone here.
    ProblemPropertyRemoved = "problem_property_removed", Compatible;
    /// A new property, where clients pass over those that they do not know.
    ResponsePropertyAdded = "response_property_added", Compatible;
    /// A new property in an object of which the document said that it has no others.
    ResponsePropertyAddedToClosed = "response_property_added_to_closed", Breaks;
    /// A property that was always there may be missing.
    ResponsePropertyBecameOptional = "response_property_became_optional", Breaks;
    /// A property is always there.
    ResponsePropertyBecameRequired = "response_property_became_required", Compatible;
    /// A type that was not to be expected.
    ResponseTypeWidened = "response_type_widened", Breaks;
    /// A type does not come any more.
    ResponseTypeNarrowed = "response_type_narrowed", Compatible;
    /// `null` comes where there was always a value.
    ResponseNullPossible = "response_null_possible", Breaks;
    /// `null` does not come any more.
    ResponseNullExcluded = "response_null_excluded", Compatible;
    /// A value that was not in the list, or there is no list any more.
    ResponseValueAdded = "response_value_added", Breaks;
    /// A value does not come any more, or only listed ones do.
    ResponseValueRemoved = "response_value_removed", Compatible;
    /// An error has a further code: clients judge one that they do not know by the status.
    ProblemCodeAdded = "problem_code_added", Compatible;
    /// An error does not have a code any more, here.
    ProblemCodeRemoved = "problem_code_removed", Compatible;
    /// A length, number or count comes from beyond the former bounds.
    ResponseBoundLoosened = "response_bound_loosened", Breaks;
    /// A length, number or count comes from within narrower bounds.
    ResponseBoundTightened = "response_bound_tightened", Compatible;
    /// A pattern is gone, or is another one, of which nobody can tell that it gives nothing new.
    ResponsePatternWidened = "response_pattern_widened", Breaks;
    /// A pattern is kept to.
    ResponsePatternAdded = "response_pattern_added", Compatible;
    /// A format is gone, or is another or a larger one.
    ResponseFormatWidened = "response_format_widened", Breaks;
    /// A format is kept to, or is a smaller one. Generated clients may use another type for it.
    ResponseFormatNarrowed = "response_format_narrowed", Compatible;
    /// Properties come that are not listed.
    ResponseObjectOpened = "response_object_opened", Breaks;
    /// No properties come but those that are listed.
    ResponseObjectClosed = "response_object_closed", Compatible;
    /// A further form of an answer.
    ResponseAlternativeAdded = "response_alternative_added", Breaks;
    /// One of several forms of an answer does not come any more.
    ResponseAlternativeRemoved = "response_alternative_removed", Compatible;

    /// Something changed that this check knows no rule for: look at it, and declare it or teach the check.
    Unjudged = "unjudged", Breaks;
}

impl Kind {
    pub fn breaks(self) -> bool {
        self.verdict() == Verdict::Breaks
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}
