import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.api.AuthApi;
import org.openapitools.client.api.ModelsApi;
import org.openapitools.client.api.TokensApi;
import org.openapitools.client.model.AccountState;
import org.openapitools.client.model.CompleteLoginRequest;
import org.openapitools.client.model.CreateResponseRequest;
import org.openapitools.client.model.CreateTokenRequest;
import org.openapitools.client.model.StartLoginRequest;

/**
 * Calls the gateway with the client that openapi-generator generates, and prints the number of calls. Stops at the
 * first response that is not the expected one.
 */
public final class Calls {
    private static final String ACCOUNT = "openai-codex";
    private static int calls;

    /** Counts a call and returns its data. A failed call throws first. */
    private static <T> T count(T data) {
        calls += 1;
        return data;
    }

    private static void check(String name, Object actual, Object expected) {
        if (!Objects.equals(actual, expected)) {
            throw new AssertionError(name + " is " + actual + ", not " + expected);
        }
    }

    private static ApiClient client(String token) {
        var client = new ApiClient();
        client.updateBaseUri(System.getenv("GOCLAW_URL"));
        client.setRequestInterceptor(request -> request.header("Authorization", "Bearer " + token));
        return client;
    }

    public static void main(String[] arguments) throws Exception {
        var gateway = client(System.getenv("GOCLAW_TOKEN"));
        var auth = new AuthApi(gateway);
        var tokens = new TokensApi(gateway);

        check("state", count(auth.getAuthStatus(ACCOUNT)).getState(), AccountState.ABSENT);

        // Without a request object, this client sends `null`.
        var started = count(auth.startLogin(ACCOUNT, null));
        check("status", started.getStatus().getValue(), "pending");
        var again = count(auth.startLogin(ACCOUNT, new StartLoginRequest()));
        check("login_id", again.getLoginId(), started.getLoginId());
        // The simulated provider approves without asking, as its user person1@example.com.
        var page = HttpRequest.newBuilder(URI.create(started.getAuthUrl())).build();
        var approval = HttpClient.newHttpClient().send(page, BodyHandlers.discarding());
        var redirect = new CompleteLoginRequest().redirectUrl(approval.headers().firstValue("location").orElseThrow());
        check("authenticated", count(auth.completeLogin(ACCOUNT, redirect)).getAuthenticated(), true);

        var active = count(auth.getAuthStatus(ACCOUNT));
        check("authenticated", active.getAuthenticated(), true);
        check("email", active.getAccount().getEmail(), "person1@example.com");

        var created = count(tokens.createToken(new CreateTokenRequest().name("generated client")));
        var list = count(tokens.listTokens(null, null));
        check("id", list.getTokens().get(0).getId(), created.getId());

        var question = new CreateResponseRequest()
            .model("openai-codex/gpt-5.5")
            .input(List.of(Map.of("role", "user", "content", "Call look_up.")))
            .putAdditionalProperty("instructions", "Answer in one word.")
            .putAdditionalProperty("tools", List.of(
                Map.of("type", "function", "name", "look_up", "parameters", Map.of("type", "object"))));
        var response = count(new ModelsApi(client(created.getToken())).createResponse(question));
        check("status", response.get("status"), "completed");
        var called = ((List<?>) response.get("output")).stream().map(item -> (Map<?, ?>) item)
            .filter(item -> "function_call".equals(item.get("type"))).findFirst().orElseThrow();
        check("name", called.get("name"), "look_up");

        check("status", count(tokens.revokeToken(created.getId())).getStatus().getValue(), "revoked");

        try {
            tokens.revokeToken(created.getId());
            throw new AssertionError("a token was revoked twice");
        } catch (ApiException refused) {
            check("code", count(refused).getCode(), 404);
        }

        System.out.println(calls);
    }
}
