import com.fasterxml.jackson.core.JsonProcessingException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.stream.Collectors;
import vestibule.ApiClient;
import vestibule.ApiException;
import vestibule.ApiResponse;
import vestibule.api.AccountApi.APIGetCurrentUserRequest;
import vestibule.api.AccountApi.APIReplaceCurrentUserRequest;
import vestibule.api.AccountApi.APIUpdateCurrentUserRequest;
import vestibule.api.AccountApi;
import vestibule.api.AuthApi.APIIssueTokenRequest;
import vestibule.api.AuthApi.APILogoutRequest;
import vestibule.api.AuthApi.APIRefreshTokenRequest;
import vestibule.api.AuthApi.APIRegisterUserRequest;
import vestibule.api.AuthApi;
import vestibule.api.UsersApi.APICreateUserRequest;
import vestibule.api.UsersApi.APIGetUserRequest;
import vestibule.api.UsersApi.APIListUsersRequest;
import vestibule.api.UsersApi.APIUpdateUserRequest;
import vestibule.api.UsersApi;
import vestibule.model.BadRequestProblem;
import vestibule.model.CreateUserRequest;
import vestibule.model.FieldProblem;
import vestibule.model.ForbiddenProblem;
import vestibule.model.NotFoundProblem;
import vestibule.model.OAuthError;
import vestibule.model.PreconditionFailedProblem;
import vestibule.model.ProfileReplacement;
import vestibule.model.ProfileUpdate;
import vestibule.model.RefreshRequest;
import vestibule.model.RefreshTokenUnauthorizedProblem;
import vestibule.model.RegisterRequest;
import vestibule.model.RegisterUserConflictProblem;
import vestibule.model.RegisterUserUnprocessableContentProblem;
import vestibule.model.RegistrationResult;
import vestibule.model.Token;
import vestibule.model.TooManyRequestsProblem;
import vestibule.model.UnauthorizedProblem;
import vestibule.model.UpdateUserRequest;
import vestibule.model.User;
import vestibule.model.UserPage;

/**
 * The story of tests/clients/README.md, told with the generated client: whatever openapi.json says wrongly does not compile
 * here, or fails. It knows the service through openapi.json alone.
 */
final class Story {
    private static final String PASSWORD = "correct horse battery staple";

    private final String baseUrl = setting("BASE_URL");
    private final String unique = "java-" + Long.toString(System.currentTimeMillis(), 36);
    private final AuthApi auth = new AuthApi(client(baseUrl, null));

    public static void main(String[] arguments) throws Exception {
        new Story().tell();
    }

    private void tell() throws Exception {
        register();
        Token token = ownAccount(logIn(unique, PASSWORD));
        refusals(token);
        administration(logIn(setting("ADMIN_USERNAME"), setting("ADMIN_PASSWORD")));
        rateLimit(new AccountApi(client(setting("LIMITED_BASE_URL"), null)));
        new AuthApi(bearer(token)).logout(APILogoutRequest.newBuilder().build());
        isDead(token);
        tomorrow(client(setting("FUTURE_BASE_URL"), null));
    }

    /** What a later release answers has codes, statuses and members that openapi.json does not name. */
    private static void tomorrow(ApiClient later) throws Exception {
        AuthApi auth = new AuthApi(later);
        RegisterRequest body = new RegisterRequest().email("ada@example.com").username("ada").password(PASSWORD);
        RegistrationResult registered =
                auth.registerUser(APIRegisterUserRequest.newBuilder().registerRequest(body).build());
        equal(registered.getStatus(), "on_the_waiting_list");
        equal(registered.getUser().getRoles(), List.of("astronaut"));
        Token token = auth.issueToken(
                APIIssueTokenRequest.newBuilder().username("ada").password(PASSWORD).build());
        equal(token.getTokenType(), "dpop");
        OAuthError wrong = read(OAuthError.class, 400, () -> auth.issueToken(
                APIIssueTokenRequest.newBuilder().username("ada").password("wrong").build()));
        equal(wrong.getError(), "invalid_orbit");
        UnauthorizedProblem refused = read(UnauthorizedProblem.class, 401, () -> me(new AccountApi(later)));
        equal(refused.getCode(), "eclipse");
    }

    private static String setting(String name) {
        return Objects.requireNonNull(System.getenv(name), name);
    }

    private static ApiClient client(String baseUrl, String accessToken) {
        ApiClient client = new ApiClient();
        client.updateBaseUri(baseUrl);
        if (accessToken != null) {
            client.setRequestInterceptor(request -> request.header("Authorization", "Bearer " + accessToken));
        }
        return client;
    }

    private ApiClient bearer(Token token) {
        return client(baseUrl, token.getAccessToken());
    }

    private Token logIn(String username, String password) throws ApiException {
        return auth.issueToken(APIIssueTokenRequest.newBuilder()
                .grantType("password")
                .username(username)
                .password(password)
                .build());
    }

    private RegistrationResult register(String key, String email, String username, String password) throws ApiException {
        RegisterRequest body = new RegisterRequest().email(email).username(username).password(password);
        return auth.registerUser(
                APIRegisterUserRequest.newBuilder().idempotencyKey(key).registerRequest(body).build());
    }

    private void register() throws Exception {
        String email = unique + "@example.com";
        String key = UUID.randomUUID().toString();
        RegistrationResult registered = register(key, email, unique, PASSWORD);
        equal(registered.getStatus(), "created");
        User user = registered.getUser();
        equal(user.getUsername(), unique);
        equal(user.getRoles(), List.of("user"));
        equal(register(key, email, unique, PASSWORD), registered);
        RegisterUserUnprocessableContentProblem reused = read(
                RegisterUserUnprocessableContentProblem.class, 422, () -> register(key, email, unique + "-2", PASSWORD));
        equal(reused.getCode(), "idempotency_key_reused");

        RegisterUserConflictProblem sameEmail =
                read(RegisterUserConflictProblem.class, 409, () -> register(null, email, unique + "-2", PASSWORD));
        equal(sameEmail.getCode(), "email_taken");
        RegisterUserConflictProblem sameName =
                read(RegisterUserConflictProblem.class, 409, () -> register(null, "2" + email, unique, PASSWORD));
        equal(sameName.getCode(), "username_taken");
        RegisterUserUnprocessableContentProblem invalid = read(
                RegisterUserUnprocessableContentProblem.class, 422, () -> register(null, "no address", "!", "x"));
        equal(invalid.getCode(), "validation_failed");
        List<String> fields =
                invalid.getErrors().stream().map(FieldProblem::getField).sorted().collect(Collectors.toList());
        equal(fields, List.of("email", "password", "username"));
    }

    private Token ownAccount(Token token) throws Exception {
        AccountApi me = new AccountApi(bearer(token));
        ApiResponse<User> seen = me.getCurrentUserWithHttpInfo(APIGetCurrentUserRequest.newBuilder().build());
        equal(seen.getData().getEmail(), unique + "@example.com");
        APIUpdateCurrentUserRequest update = APIUpdateCurrentUserRequest.newBuilder()
                .ifMatch(entityTag(seen))
                .profileUpdate(new ProfileUpdate().fullName("Ada"))
                .build();
        equal(me.updateCurrentUser(update).getFullName(), "Ada");
        PreconditionFailedProblem stale =
                read(PreconditionFailedProblem.class, 412, () -> me.updateCurrentUser(update));
        equal(stale.getCode(), "precondition_failed");
        User put = me.replaceCurrentUser(APIReplaceCurrentUserRequest.newBuilder()
                .profileReplacement(new ProfileReplacement().username(unique))
                .build());
        equal(put.getFullName(), null);
        Token renewed = refresh(token.getRefreshToken());
        check(!renewed.getRefreshToken().equals(token.getRefreshToken()), "the refresh token is replaced");
        return renewed;
    }

    private static User me(AccountApi account) throws ApiException {
        return account.getCurrentUser(APIGetCurrentUserRequest.newBuilder().build());
    }

    private Token refresh(String refreshToken) throws ApiException {
        RefreshRequest body = new RefreshRequest().refreshToken(refreshToken);
        return auth.refreshToken(APIRefreshTokenRequest.newBuilder().refreshRequest(body).build());
    }

    private void refusals(Token token) throws Exception {
        UnauthorizedProblem anonymous = read(UnauthorizedProblem.class, 401, () -> me(new AccountApi(client(baseUrl, null))));
        equal(anonymous.getCode(), "not_authenticated");
        isDead(new Token().accessToken("no.real.token"));
        UsersApi users = new UsersApi(bearer(token));
        ForbiddenProblem denied = read(ForbiddenProblem.class, 403, () -> users.listUsers(APIListUsersRequest.newBuilder().build()));
        equal(denied.getCode(), "permission_denied");
        RefreshTokenUnauthorizedProblem unknown = read(RefreshTokenUnauthorizedProblem.class, 401, () -> refresh("none"));
        equal(unknown.getCode(), "invalid_refresh_token");
        OAuthError wrong = read(OAuthError.class, 400, () -> logIn(unique, "wrong"));
        equal(wrong.getError(), "invalid_grant");
    }

    private void administration(Token token) throws Exception {
        UsersApi admin = new UsersApi(bearer(token));
        List<UUID> created = new ArrayList<>();
        for (int number = 0; number < 5; number++) {
            String username = unique + "-page-" + number;
            CreateUserRequest body = new CreateUserRequest()
                    .email(username + "@example.com")
                    .username(username)
                    .password(PASSWORD);
            created.add(admin.createUser(APICreateUserRequest.newBuilder().createUserRequest(body).build()).getId());
        }
        List<UUID> listed = new ArrayList<>();
        String cursor = null;
        do {
            UserPage page = admin.listUsers(
                    APIListUsersRequest.newBuilder().q(unique + "-page-").limit(2).cursor(cursor).build());
            page.getItems().forEach(user -> listed.add(user.getId()));
            cursor = page.getNextCursor();
        } while (cursor != null);
        Collections.reverse(created);
        equal(listed, created);

        BadRequestProblem malformed = read(BadRequestProblem.class, 400, () -> admin.listUsers(APIListUsersRequest.newBuilder().cursor("?").build()));
        equal(malformed.getCode(), "malformed_request");
        NotFoundProblem missing = read(NotFoundProblem.class, 404, () -> look(admin, UUID.randomUUID()));
        equal(missing.getCode(), "not_found");

        User found = look(admin, created.get(0)).getData();
        Token session = logIn(found.getUsername(), PASSWORD);
        APIUpdateUserRequest disable = APIUpdateUserRequest.newBuilder()
                .id(found.getId())
                .ifMatch(entityTag(look(admin, found.getId())))
                .updateUserRequest(new UpdateUserRequest().isActive(false))
                .build();
        check(!admin.updateUser(disable).getIsActive(), "the user is disabled");
        read(PreconditionFailedProblem.class, 412, () -> admin.updateUser(disable));
        isDead(session);
    }

    private static ApiResponse<User> look(UsersApi admin, UUID id) throws ApiException {
        return admin.getUserWithHttpInfo(APIGetUserRequest.newBuilder().id(id).build());
    }

    private static String entityTag(ApiResponse<?> response) {
        return response.getHeaders().get("etag").get(0);
    }

    private void rateLimit(AccountApi limited) throws Exception {
        for (int call = 0; call < 20; call++) {
            ApiException refused = refusal(0, () -> me(limited));
            if (refused.getCode() != 429) {
                continue;
            }
            equal(read(TooManyRequestsProblem.class, refused).getCode(), "rate_limited");
            check(refused.getResponseHeaders().firstValueAsLong("Retry-After").orElseThrow() >= 1, "Retry-After");
            return;
        }
        throw new AssertionError("no call was refused for its rate");
    }

    private void isDead(Token token) throws Exception {
        UnauthorizedProblem refused = read(UnauthorizedProblem.class, 401, () -> me(new AccountApi(bearer(token))));
        equal(refused.getCode(), "invalid_access_token");
    }

    private interface Call {
        Object send() throws ApiException;
    }

    /** The error of a call that has to be refused with this status, or with any when it is 0. */
    private static ApiException refusal(int status, Call call) {
        try {
            throw new AssertionError("not refused: " + call.send());
        } catch (ApiException refused) {
            if (status != 0) {
                equal(refused.getCode(), status);
            }
            return refused;
        }
    }

    private static <T> T read(Class<T> type, int status, Call call) throws JsonProcessingException {
        return read(type, refusal(status, call));
    }

    private static <T> T read(Class<T> type, ApiException refused) throws JsonProcessingException {
        return ApiClient.createDefaultObjectMapper().readValue(refused.getResponseBody(), type);
    }

    private static void equal(Object found, Object expected) {
        check(Objects.equals(found, expected), "found " + found + ", expected " + expected);
    }

    private static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }
}
