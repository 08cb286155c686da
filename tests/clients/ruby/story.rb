# frozen_string_literal: true

# The story of tests/clients/README.md, told with the generated client. It knows the service through openapi.json alone.

require 'json'
require 'securerandom'
require 'uri'
require 'vestibule'

PASSWORD = 'correct horse battery staple'
UNIQUE = "rb-#{SecureRandom.hex(6)}"

def equal(found, expected)
  raise "found #{found.inspect}, expected #{expected.inspect}" unless found == expected
end

def client(base_url, token = nil)
  url = URI(base_url)
  configuration = Vestibule::Configuration.new do |it|
    it.scheme = url.scheme
    it.host = "#{url.host}:#{url.port}"
    it.server_index = nil
    it.access_token = token
  end
  Vestibule::ApiClient.new(configuration)
end

def as(token)
  client(ENV.fetch('BASE_URL'), token.access_token)
end

# The error of a call that has to be refused with this status, read as `type`.
def refused(type, status)
  yield
rescue Vestibule::ApiError => e
  equal(e.code, status)
  type.build_from_hash(JSON.parse(e.response_body, symbolize_names: true))
else
  raise 'not refused'
end

NOBODY = Vestibule::AuthApi.new(client(ENV.fetch('BASE_URL')))

def log_in(username, password = PASSWORD)
  NOBODY.issue_token(grant_type: 'password', username: username, password: password)
end

def body(email, username, password = PASSWORD)
  Vestibule::RegisterRequest.new(email: email, username: username, password: password)
end

def register
  email = "#{UNIQUE}@example.com"
  key = { idempotency_key: UNIQUE }
  registered = NOBODY.register_user(body(email, UNIQUE), key)
  equal(registered.status, 'created')
  equal([registered.user.username, registered.user.roles], [UNIQUE, ['user']])
  equal(NOBODY.register_user(body(email, UNIQUE), key), registered)
  wrong = Vestibule::RegisterUserUnprocessableContentProblem
  equal(refused(wrong, 422) { NOBODY.register_user(body(email, "#{UNIQUE}-2"), key) }.code, 'idempotency_key_reused')
  conflict = Vestibule::RegisterUserConflictProblem
  equal(refused(conflict, 409) { NOBODY.register_user(body(email, "#{UNIQUE}-2")) }.code, 'email_taken')
  equal(refused(conflict, 409) { NOBODY.register_user(body("2#{email}", UNIQUE)) }.code, 'username_taken')
  invalid = refused(wrong, 422) { NOBODY.register_user(body('no address', "#{UNIQUE}-2")) }
  equal(invalid.code, 'validation_failed')
  equal(invalid.errors.map(&:field).sort, %w[email])
end

def own_account(token)
  me = Vestibule::AccountApi.new(as(token))
  user, _, headers = me.get_current_user_with_http_info
  equal(user.email, "#{UNIQUE}@example.com")
  tag = { if_match: headers['ETag'] }
  update = Vestibule::ProfileUpdate.new(full_name: 'Ada')
  equal(me.update_current_user(update, tag).full_name, 'Ada')
  stale = refused(Vestibule::PreconditionFailedProblem, 412) { me.update_current_user(update, tag) }
  equal(stale.code, 'precondition_failed')
  replacement = Vestibule::ProfileReplacement.new(username: UNIQUE, full_name: 'Ada Lovelace')
  equal(me.replace_current_user(replacement).full_name, 'Ada Lovelace')
  renewed = NOBODY.refresh_token(Vestibule::RefreshRequest.new(refresh_token: token.refresh_token))
  raise 'the refresh token is replaced' if renewed.refresh_token == token.refresh_token

  renewed
end

def refusals(token)
  unauthorized = Vestibule::UnauthorizedProblem
  anonymous = Vestibule::AccountApi.new(client(ENV.fetch('BASE_URL')))
  equal(refused(unauthorized, 401) { anonymous.get_current_user }.code, 'not_authenticated')
  denied = refused(Vestibule::ForbiddenProblem, 403) { Vestibule::UsersApi.new(as(token)).list_users }
  equal(denied.code, 'permission_denied')
  unknown = refused(Vestibule::RefreshTokenUnauthorizedProblem, 401) do
    NOBODY.refresh_token(Vestibule::RefreshRequest.new(refresh_token: 'none'))
  end
  equal(unknown.code, 'invalid_refresh_token')
  equal(refused(Vestibule::OAuthError, 400) { log_in(UNIQUE, 'wrong') }.error, 'invalid_grant')
end

def administration(admin)
  users = Vestibule::UsersApi.new(as(admin))
  created = Array.new(5) do |number|
    name = "#{UNIQUE}-page-#{number}"
    body = Vestibule::CreateUserRequest.new(email: "#{name}@example.com", username: name, password: PASSWORD)
    users.create_user(body).id
  end
  listed = []
  page = { q: "#{UNIQUE}-page-", limit: 2, is_active: true }
  loop do
    answer = users.list_users(page)
    listed.concat(answer.items.map(&:id))
    break if answer.next_cursor.nil?

    page = page.merge(cursor: answer.next_cursor)
  end
  equal(listed, created.reverse)
  equal(refused(Vestibule::BadRequestProblem, 400) { users.list_users(cursor: '?') }.code, 'malformed_request')
  equal(refused(Vestibule::NotFoundProblem, 404) { users.get_user(SecureRandom.uuid) }.code, 'not_found')
  session = log_in("#{UNIQUE}-page-0")
  equal(users.update_user(created[0], Vestibule::UpdateUserRequest.new(is_active: false)).is_active, false)
  dead(session)
end

def dead(token)
  refused = refused(Vestibule::UnauthorizedProblem, 401) { Vestibule::AccountApi.new(as(token)).get_current_user }
  equal(refused.code, 'invalid_access_token')
end

def rate_limit
  limited = Vestibule::AccountApi.new(client(ENV.fetch('LIMITED_BASE_URL')))
  20.times do
    limited.get_current_user
  rescue Vestibule::ApiError => e
    next unless e.code == 429

    equal(JSON.parse(e.response_body)['code'], 'rate_limited')
    return raise('no Retry-After') unless e.response_headers['Retry-After'].to_i >= 1

    return
  end
  raise 'no call was refused for its rate'
end

# What a later release answers has codes, statuses and members that openapi.json does not name.
def tomorrow
  later = client(ENV.fetch('FUTURE_BASE_URL'))
  auth = Vestibule::AuthApi.new(later)
  registered = auth.register_user(body('ada@example.com', 'ada'))
  equal([registered.status, registered.user.roles], ['on_the_waiting_list', ['astronaut']])
  equal(auth.issue_token(username: 'ada', password: PASSWORD).token_type, 'dpop')
  equal(refused(Vestibule::OAuthError, 400) { auth.issue_token(username: 'ada', password: 'wrong') }.error, 'invalid_orbit')
  refused = refused(Vestibule::UnauthorizedProblem, 401) { Vestibule::AccountApi.new(later).get_current_user }
  equal(refused.code, 'eclipse')
end

equal(Vestibule::Configuration.new.base_url, 'http://127.0.0.1:8000')
register
token = own_account(log_in(UNIQUE))
refusals(token)
administration(log_in(ENV.fetch('ADMIN_USERNAME'), ENV.fetch('ADMIN_PASSWORD')))
rate_limit
tomorrow
Vestibule::AuthApi.new(as(token)).logout
dead(token)
