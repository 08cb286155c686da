// The story of tests/clients/README.md, told with the generated client: whatever openapi.json says wrongly does not compile
// here, or fails. It knows the service through openapi.json alone.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"sort"
	"strconv"
	"time"

	"vestibule/vestibule"
)

const (
	password = "correct horse battery staple"
	noID     = "00000000-0000-4000-8000-000000000000"
)

var (
	unique = "go-" + strconv.FormatInt(time.Now().UnixMilli(), 36)
	api    = client("BASE_URL")
	nobody = context.Background()
)

func main() {
	register()
	token := ownAccount(logIn(unique, password))
	refusals(token)
	administration(bearer(logIn(setting("ADMIN_USERNAME"), setting("ADMIN_PASSWORD"))))
	rateLimit(client("LIMITED_BASE_URL"))
	_, err := api.AuthAPI.Logout(bearer(token)).Execute()
	done(err)
	isDead(bearer(token))
	tomorrow(client("FUTURE_BASE_URL"))
}

// tomorrow reads what a later release answers: codes, statuses and members that openapi.json does not name.
func tomorrow(later *vestibule.APIClient) {
	body := *vestibule.NewRegisterRequest("ada@example.com", "ada", password)
	registered, _, err := later.AuthAPI.RegisterUser(nobody).RegisterRequest(body).Execute()
	done(err)
	equal(registered.Status, "on_the_waiting_list")
	equal(registered.User.Roles, []string{"astronaut"})
	token, _, err := later.AuthAPI.IssueToken(nobody).Username("ada").Password(password).Execute()
	done(err)
	equal(token.TokenType, "dpop")
	_, response, err := later.AuthAPI.IssueToken(nobody).Username("ada").Password("wrong").Execute()
	equal(response.StatusCode, 400)
	equal(refusal[vestibule.OAuthError](err).Error, "invalid_orbit")
	_, response, err = later.AccountAPI.GetCurrentUser(nobody).Execute()
	problem[vestibule.UnauthorizedProblem](response, err, 401, "eclipse")
}

func setting(name string) string {
	value := os.Getenv(name)
	check(value != "", "set "+name)
	return value
}

func client(address string) *vestibule.APIClient {
	configuration := vestibule.NewConfiguration()
	configuration.Servers = vestibule.ServerConfigurations{{URL: setting(address)}}
	return vestibule.NewAPIClient(configuration)
}

func bearer(token *vestibule.Token) context.Context {
	return context.WithValue(nobody, vestibule.ContextAccessToken, token.AccessToken)
}

func passwordGrant(username, password string) vestibule.ApiIssueTokenRequest {
	return api.AuthAPI.IssueToken(nobody).GrantType("password").Username(username).Password(password)
}

func logIn(username, password string) *vestibule.Token {
	token, _, err := passwordGrant(username, password).Execute()
	done(err)
	return token
}

func register() {
	request := func(email, username, password string) vestibule.ApiRegisterUserRequest {
		body := *vestibule.NewRegisterRequest(email, username, password)
		return api.AuthAPI.RegisterUser(nobody).RegisterRequest(body)
	}
	email := unique + "@example.com"
	registered, _, err := request(email, unique, password).IdempotencyKey(unique).Execute()
	done(err)
	equal(registered.Status, "created")
	user := registered.GetUser()
	equal(user.Username, unique)
	equal(user.Roles, []string{"user"})
	again, _, err := request(email, unique, password).IdempotencyKey(unique).Execute()
	done(err)
	equal(again.GetUser(), user)
	_, response, err := request(email, unique+"-2", password).IdempotencyKey(unique).Execute()
	problem[vestibule.RegisterUserUnprocessableContentProblem](response, err, 422, "idempotency_key_reused")

	_, response, err = request(email, unique+"-2", password).Execute()
	problem[vestibule.RegisterUserConflictProblem](response, err, 409, "email_taken")
	_, response, err = request("2"+email, unique, password).Execute()
	problem[vestibule.RegisterUserConflictProblem](response, err, 409, "username_taken")
	_, response, err = request("no address", "!", "x").Execute()
	var fields []string
	for _, wrong := range problem[vestibule.RegisterUserUnprocessableContentProblem](response, err, 422, "validation_failed").Errors {
		fields = append(fields, wrong.Field)
	}
	sort.Strings(fields)
	equal(fields, []string{"email", "password", "username"})
}

func ownAccount(token *vestibule.Token) *vestibule.Token {
	me := bearer(token)
	user, response, err := api.AccountAPI.GetCurrentUser(me).Execute()
	done(err)
	equal(user.Email, unique+"@example.com")
	update := vestibule.NewProfileUpdate()
	update.SetFullName("Ada")
	change := api.AccountAPI.UpdateCurrentUser(me).ProfileUpdate(*update).IfMatch(response.Header.Get("ETag"))
	user, _, err = change.Execute()
	done(err)
	equal(user.GetFullName(), "Ada")
	_, response, err = change.Execute()
	problem[vestibule.PreconditionFailedProblem](response, err, 412, "precondition_failed")
	replacement := vestibule.NewProfileReplacement(unique)
	replacement.SetFullName("Ada Lovelace")
	user, _, err = api.AccountAPI.ReplaceCurrentUser(me).ProfileReplacement(*replacement).Execute()
	done(err)
	equal(user.GetFullName(), "Ada Lovelace")
	update.SetFullNameNil()
	user, _, err = api.AccountAPI.UpdateCurrentUser(me).ProfileUpdate(*update).Execute()
	done(err)
	check(user.FullName.Get() == nil, "the name is removed")

	renewed, _, err := refresh(token.RefreshToken)
	done(err)
	check(renewed.RefreshToken != token.RefreshToken, "the refresh token is replaced")
	return renewed
}

func refresh(token string) (*vestibule.Token, *http.Response, error) {
	return api.AuthAPI.RefreshToken(nobody).RefreshRequest(*vestibule.NewRefreshRequest(token)).Execute()
}

func refusals(token *vestibule.Token) {
	_, response, err := api.AccountAPI.GetCurrentUser(nobody).Execute()
	problem[vestibule.UnauthorizedProblem](response, err, 401, "not_authenticated")
	isDead(bearer(&vestibule.Token{AccessToken: "no.real.token"}))
	_, response, err = api.UsersAPI.ListUsers(bearer(token)).Execute()
	problem[vestibule.ForbiddenProblem](response, err, 403, "permission_denied")
	_, response, err = refresh("none")
	problem[vestibule.RefreshTokenUnauthorizedProblem](response, err, 401, "invalid_refresh_token")
	_, response, err = passwordGrant(unique, "wrong").Execute()
	equal(response.StatusCode, 400)
	equal(refusal[vestibule.OAuthError](err).Error, "invalid_grant")
}

func administration(admin context.Context) {
	var created []string
	for number := 0; number < 5; number++ {
		username := fmt.Sprintf("%s-page-%d", unique, number)
		body := vestibule.NewCreateUserRequest(username+"@example.com", username)
		body.SetPassword(password)
		user, _, err := api.UsersAPI.CreateUser(admin).CreateUserRequest(*body).Execute()
		done(err)
		created = append([]string{user.Id}, created...)
	}
	var listed []string
	for request := api.UsersAPI.ListUsers(admin).Q(unique + "-page-").Limit(2); ; {
		page, _, err := request.Execute()
		done(err)
		for _, user := range page.Items {
			listed = append(listed, user.Id)
		}
		cursor := page.NextCursor.Get()
		if cursor == nil {
			break
		}
		request = request.Cursor(*cursor)
	}
	equal(listed, created)

	_, response, err := api.UsersAPI.ListUsers(admin).Cursor("?").Execute()
	problem[vestibule.BadRequestProblem](response, err, 400, "malformed_request")
	_, response, err = api.UsersAPI.GetUser(admin, noID).Execute()
	problem[vestibule.NotFoundProblem](response, err, 404, "not_found")

	found, response, err := api.UsersAPI.GetUser(admin, created[0]).Execute()
	done(err)
	tag := response.Header.Get("ETag")
	session := logIn(found.Username, password)
	update := vestibule.NewUpdateUserRequest()
	update.SetIsActive(false)
	disable := api.UsersAPI.UpdateUser(admin, found.Id).UpdateUserRequest(*update)
	disabled, _, err := disable.Execute()
	done(err)
	check(!disabled.IsActive, "the user is disabled")
	_, response, err = disable.IfMatch(tag).Execute()
	problem[vestibule.PreconditionFailedProblem](response, err, 412, "precondition_failed")
	isDead(bearer(session))
}

func rateLimit(limited *vestibule.APIClient) {
	for call := 0; call < 20; call++ {
		_, response, err := limited.AccountAPI.GetCurrentUser(nobody).Execute()
		if response.StatusCode != 429 {
			continue
		}
		problem[vestibule.TooManyRequestsProblem](response, err, 429, "rate_limited")
		seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
		done(err)
		check(seconds >= 1, "Retry-After")
		return
	}
	check(false, "no call was refused for its rate")
}

func isDead(token context.Context) {
	_, response, err := api.AccountAPI.GetCurrentUser(token).Execute()
	problem[vestibule.UnauthorizedProblem](response, err, 401, "invalid_access_token")
}

// problem reads the body of an error answer that has to have this status and code.
func problem[T any, P interface {
	*T
	GetCode() string
}](response *http.Response, err error, status int, code string) T {
	equal(response.StatusCode, status)
	problem := refusal[T](err)
	equal(P(&problem).GetCode(), code)
	return problem
}

// refusal gives the body of a documented error answer, in the type that openapi.json gives it.
func refusal[T any](err error) T {
	var refused *vestibule.GenericOpenAPIError
	check(errors.As(err, &refused), fmt.Sprintf("not refused: %v", err))
	model, isDocumented := refused.Model().(T)
	check(isDocumented, fmt.Sprintf("%T: %s", refused.Model(), refused.Body()))
	return model
}

func done(err error) {
	check(err == nil, fmt.Sprint(err))
}

func equal(found, expected any) {
	check(reflect.DeepEqual(found, expected), fmt.Sprintf("found %v, expected %v", found, expected))
}

func check(holds bool, what string) {
	if !holds {
		panic(what)
	}
}
