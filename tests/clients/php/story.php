<?php

// The story of tests/clients/README.md, told with the generated client. It knows the service through openapi.json alone.

declare(strict_types=1);

use GuzzleHttp\Client;
use Vestibule\Api\AccountApi;
use Vestibule\Api\AuthApi;
use Vestibule\Api\UsersApi;
use Vestibule\ApiException;
use Vestibule\Configuration;
use Vestibule\Model;

require '/usr/share/php/GuzzleHttp/autoload.php';

error_reporting(E_ALL);
set_error_handler(function (int $kind, string $what, string $file, int $line) {
    // Of Debian's Guzzle and of the generated code; PHP 8.2 deprecates what they do.
    return $kind === E_DEPRECATED ? true : throw new ErrorException($what, 0, $kind, $file, $line);
});
spl_autoload_register(function (string $class) {
    if (str_starts_with($class, 'Vestibule\\')) {
        require 'vestibule-php/lib/' . strtr(substr($class, strlen('Vestibule\\')), '\\', '/') . '.php';
    }
});

const PASSWORD = 'correct horse battery staple';
define('UNIQUE', 'php-' . bin2hex(random_bytes(6)));

function equal(mixed $found, mixed $expected): void
{
    if ($found !== $expected) {
        throw new RuntimeException('found ' . var_export($found, true) . ', expected ' . var_export($expected, true));
    }
}

function configuration(string $baseUrl, ?Model\Token $token = null): Configuration
{
    $configuration = (new Configuration())->setHost($baseUrl);
    return $token ? $configuration->setAccessToken($token->getAccessToken()) : $configuration;
}

/** An API of the service for somebody with this token, or for nobody. */
function api(string $class, ?Model\Token $token = null, string $at = 'BASE_URL'): mixed
{
    return new $class(new Client(), configuration(getenv($at), $token));
}

/** The error of a call that has to be refused with this status, in the type that openapi.json gives it. */
function refused(string $type, int $status, callable $call): mixed
{
    try {
        $call();
    } catch (ApiException $refusal) {
        equal($refusal->getCode(), $status);
        equal(get_class($refusal->getResponseObject()), $type);
        return $refusal->getResponseObject();
    }
    throw new RuntimeException('not refused');
}

function logIn(string $username, string $password = PASSWORD): Model\Token
{
    return api(AuthApi::class)->issueToken('password', $username, $password);
}

function body(string $email, string $username, string $password = PASSWORD): Model\RegisterRequest
{
    return new Model\RegisterRequest(['email' => $email, 'username' => $username, 'password' => $password]);
}

function register(): void
{
    $auth = api(AuthApi::class);
    $email = UNIQUE . '@example.com';
    $registered = $auth->registerUser(body($email, UNIQUE), UNIQUE);
    equal($registered->getStatus(), 'created');
    equal($registered->getUser()->getUsername(), UNIQUE);
    equal($registered->getUser()->getRoles(), ['user']);
    equal($auth->registerUser(body($email, UNIQUE), UNIQUE)->getUser()->getId(), $registered->getUser()->getId());
    $wrong = Model\RegisterUserUnprocessableContentProblem::class;
    $reused = refused($wrong, 422, fn() => $auth->registerUser(body($email, UNIQUE . '-2'), UNIQUE));
    equal($reused->getCode(), 'idempotency_key_reused');
    $conflict = Model\RegisterUserConflictProblem::class;
    $sameEmail = refused($conflict, 409, fn() => $auth->registerUser(body($email, UNIQUE . '-2')));
    equal($sameEmail->getCode(), 'email_taken');
    $sameName = refused($conflict, 409, fn() => $auth->registerUser(body("2$email", UNIQUE)));
    equal($sameName->getCode(), 'username_taken');
    $invalid = refused($wrong, 422, fn() => $auth->registerUser(body('no address', UNIQUE . '-2')));
    equal($invalid->getCode(), 'validation_failed');
    $fields = array_map(fn($error) => $error->getField(), $invalid->getErrors());
    sort($fields);
    equal($fields, ['email']);
}

function ownAccount(Model\Token $token): Model\Token
{
    $me = api(AccountApi::class, $token);
    [$user, , $headers] = $me->getCurrentUserWithHttpInfo();
    equal($user->getEmail(), UNIQUE . '@example.com');
    $update = new Model\ProfileUpdate(['full_name' => 'Ada']);
    equal($me->updateCurrentUser($update, $headers['etag'][0])->getFullName(), 'Ada');
    $stale = refused(
        Model\PreconditionFailedProblem::class,
        412,
        fn() => $me->updateCurrentUser($update, $headers['etag'][0]),
    );
    equal($stale->getCode(), 'precondition_failed');
    $replacement = new Model\ProfileReplacement(['username' => UNIQUE, 'full_name' => 'Ada Lovelace']);
    equal($me->replaceCurrentUser($replacement)->getFullName(), 'Ada Lovelace');
    $request = new Model\RefreshRequest(['refresh_token' => $token->getRefreshToken()]);
    $renewed = api(AuthApi::class)->refreshToken($request);
    equal($renewed->getRefreshToken() === $token->getRefreshToken(), false);
    return $renewed;
}

function refusals(Model\Token $token): void
{
    $anonymous = refused(Model\UnauthorizedProblem::class, 401, fn() => api(AccountApi::class)->getCurrentUser());
    equal($anonymous->getCode(), 'not_authenticated');
    $denied = refused(Model\ForbiddenProblem::class, 403, fn() => api(UsersApi::class, $token)->listUsers());
    equal($denied->getCode(), 'permission_denied');
    $none = new Model\RefreshRequest(['refresh_token' => 'none']);
    $unknown = refused(
        Model\RefreshTokenUnauthorizedProblem::class,
        401,
        fn() => api(AuthApi::class)->refreshToken($none),
    );
    equal($unknown->getCode(), 'invalid_refresh_token');
    equal(refused(Model\OAuthError::class, 400, fn() => logIn(UNIQUE, 'wrong'))->getError(), 'invalid_grant');
}

function administration(Model\Token $admin): void
{
    $users = api(UsersApi::class, $admin);
    $created = [];
    foreach (range(0, 4) as $number) {
        $name = UNIQUE . "-page-$number";
        $new = ['email' => "$name@example.com", 'username' => $name, 'password' => PASSWORD, 'email_verified' => true];
        array_unshift($created, $users->createUser(new Model\CreateUserRequest($new))->getId());
    }
    [$listed, $cursor] = [[], null];
    do {
        // Booleans in a query are 0 and 1 here.
        $page = $users->listUsers(2, $cursor, UNIQUE . '-page-', null, true);
        foreach ($page->getItems() as $user) {
            $listed[] = $user->getId();
        }
        $cursor = $page->getNextCursor();
    } while ($cursor !== null);
    equal($listed, $created);
    equal($users->listUsers(2, null, UNIQUE . '-page-', null, false)->getItems(), []);
    $malformed = refused(Model\BadRequestProblem::class, 400, fn() => $users->listUsers(2, '?'));
    equal($malformed->getCode(), 'malformed_request');
    $missing = '00000000-0000-4000-8000-000000000000';
    equal(refused(Model\NotFoundProblem::class, 404, fn() => $users->getUser($missing))->getCode(), 'not_found');
    $session = logIn(UNIQUE . '-page-0');
    $disabled = $users->updateUser($created[4], new Model\UpdateUserRequest(['is_active' => false]));
    equal($disabled->getIsActive(), false);
    dead($session);
}

function dead(Model\Token $token): void
{
    $refused = refused(
        Model\UnauthorizedProblem::class,
        401,
        fn() => api(AccountApi::class, $token)->getCurrentUser(),
    );
    equal($refused->getCode(), 'invalid_access_token');
}

function rateLimit(): void
{
    foreach (range(1, 20) as $_) {
        try {
            api(AccountApi::class, null, 'LIMITED_BASE_URL')->getCurrentUser();
        } catch (ApiException $refusal) {
            if ($refusal->getCode() === 429) {
                equal($refusal->getResponseObject()->getCode(), 'rate_limited');
                equal((int) $refusal->getResponseHeaders()['retry-after'][0] >= 1, true);
                return;
            }
        }
    }
    throw new RuntimeException('no call was refused for its rate');
}

/** What a later release answers has codes, statuses and members that openapi.json does not name. */
function tomorrow(): void
{
    $auth = api(AuthApi::class, null, 'FUTURE_BASE_URL');
    $registered = $auth->registerUser(body('ada@example.com', 'ada'));
    equal($registered->getStatus(), 'on_the_waiting_list');
    equal($registered->getUser()->getRoles(), ['astronaut']);
    equal($auth->issueToken(null, 'ada', PASSWORD)->getTokenType(), 'dpop');
    $wrong = refused(Model\OAuthError::class, 400, fn() => $auth->issueToken(null, 'ada', 'wrong'));
    equal($wrong->getError(), 'invalid_orbit');
    $account = api(AccountApi::class, null, 'FUTURE_BASE_URL');
    $refused = refused(Model\UnauthorizedProblem::class, 401, fn() => $account->getCurrentUser());
    equal($refused->getCode(), 'eclipse');
}

equal((new Configuration())->getHost(), 'http://127.0.0.1:8000');
register();
$token = ownAccount(logIn(UNIQUE));
refusals($token);
administration(logIn(getenv('ADMIN_USERNAME'), getenv('ADMIN_PASSWORD')));
rateLimit();
tomorrow();
api(AuthApi::class, $token)->logout();
dead($token);
