using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Appliance.Agent.Storage;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace Appliance.Agent.Alerts;

/// <summary>
/// Answers one request of a monitoring system. Who it is comes before everything else: whoever has no token learns nothing,
/// and costs nothing. It knows of no listener, so that another one can serve it too.
/// </summary>
internal sealed class WebhookEndpoint
{
    private const int UnknownTold = 10;
    private static readonly TimeSpan UnknownToldEvery = TimeSpan.FromMinutes(1);

    /// <summary>For a sender to try again when the disk takes something.</summary>
    private const int RetryAfterSeconds = 30;

    private static readonly Dictionary<string, AlertSource> Sources = new()
    {
        [AlertWords.PathOf(AlertSource.Alertmanager.Name)] = AlertSource.Alertmanager,
        [AlertWords.PathOf(AlertSource.Grafana.Name)] = AlertSource.Grafana,
    };

    private static readonly WebhookJson Json = new(
        new JsonSerializerOptions { PropertyNamingPolicy = JsonNamingPolicy.CamelCase }
    );

    private readonly WebhookTokens tokens;
    private readonly AlertIntake intake;
    private readonly AuditTrail audit;
    private readonly ILogger<WebhookEndpoint> log;
    private readonly Budgets requests;
    private readonly Budget denials;

    public WebhookEndpoint(
        WebhookTokens tokens,
        AlertIntake intake,
        AuditTrail audit,
        IOptions<AlertsOptions> options,
        TimeProvider clock,
        ILogger<WebhookEndpoint> log
    )
    {
        (this.tokens, this.intake, this.audit, this.log) = (tokens, intake, audit, log);
        var perMinute = options.Value.RequestsPerMinute;
        requests = new Budgets(perMinute, TimeSpan.FromMinutes(1) / perMinute, clock);
        denials = new Budget(UnknownTold, UnknownToldEvery, clock);
    }

    public async Task HandleAsync(HttpContext context)
    {
        try
        {
            await AnswerAsync(context);
        }
        catch (Exception e)
            when (e is OperationCanceledException or IOException && context.RequestAborted.IsCancellationRequested)
        {
            // Nobody waits for the answer any more.
        }
    }

    private async Task AnswerAsync(HttpContext context)
    {
        var (request, response) = (context.Request, context.Response);
        response.Headers.CacheControl = "no-store";
        if (!Sources.TryGetValue(request.Path.Value ?? "", out var source))
        {
            await RefuseAsync(context, StatusCodes.Status404NotFound, "there is nothing here");
            return;
        }
        if (Authenticated(request) is not { } token)
        {
            TellDenied(request);
            response.Headers.WWWAuthenticate = "Bearer";
            await RefuseAsync(
                context,
                StatusCodes.Status401Unauthorized,
                "a valid token is needed, as Authorization: Bearer"
            );
            return;
        }
        if (!requests.Of(token.Name).TryTake(out _, out var wait))
        {
            RetryAfter(response, (int)Math.Ceiling(wait.TotalSeconds));
            await RefuseAsync(context, StatusCodes.Status429TooManyRequests, "too many requests with this token");
            return;
        }
        tokens.Used(token);
        if (!HttpMethods.IsPost(request.Method))
        {
            response.Headers.Allow = HttpMethods.Post;
            await RefuseAsync(context, StatusCodes.Status405MethodNotAllowed, "only POST is understood");
            return;
        }
        if (!IsJson(request))
        {
            await RefuseAsync(
                context,
                StatusCodes.Status415UnsupportedMediaType,
                "the body must be application/json, and not compressed"
            );
            return;
        }
        await ReadAsync(context, source, token);
    }

    private async Task ReadAsync(HttpContext context, AlertSource source, StoredToken token)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(WebhookMessage.MaxBytes + 1);
        try
        {
            if (await BodyAsync(context, buffer) is not { } length)
                await RefuseAsync(
                    context,
                    StatusCodes.Status413PayloadTooLarge,
                    $"the body is larger than {WebhookMessage.MaxBytes} bytes"
                );
            else
                await (
                    WebhookMessage.Read(source, AlertWords.Actor(token), buffer.AsSpan(0, length)) switch
                    {
                        ReadMessage.Good good => TakeAsync(context, token, good),
                        ReadMessage.TooMany many => RefuseAsync(
                            context,
                            StatusCodes.Status413PayloadTooLarge,
                            many.Why,
                            token
                        ),
                        ReadMessage.Bad bad => RefuseAsync(context, StatusCodes.Status400BadRequest, bad.Why, token),
                        _ => throw new InvalidOperationException("a message is good or bad"),
                    }
                );
        }
        catch (BadHttpRequestException e)
        {
            // Too slow, or not as long as it said.
            await RefuseAsync(context, e.StatusCode, "the body could not be read");
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private async Task TakeAsync(HttpContext context, StoredToken token, ReadMessage.Good message)
    {
        IReadOnlyList<TakenAlert> taken;
        try
        {
            taken = intake.Take(AlertWords.Actor(token), message.Alerts);
        }
        catch (StorageException e)
        {
            // The sender keeps them, and sends them again.
            log.NotTaken(message.Alerts.Count, e.Message);
            RetryAfter(context.Response, RetryAfterSeconds);
            await RefuseAsync(context, StatusCodes.Status503ServiceUnavailable, "the alerts cannot be stored now");
            return;
        }
        if (message.LeftOut > 0)
            log.LeftOut(token.Name, message.LeftOut);
        context.Response.StatusCode = taken.Any(t => t is { IsNews: true, Record.Verdict.State: AlertState.Queued })
            ? StatusCodes.Status202Accepted
            : StatusCodes.Status200OK;
        var answer = new MessageAnswer([.. taken.Select(Answer)]);
        await context.Response.WriteAsJsonAsync(answer, Json.MessageAnswer, cancellationToken: context.RequestAborted);
    }

    private static AlertAnswer Answer(TakenAlert taken)
    {
        var (alert, verdict) = (taken.Record.Alert, taken.Record.Verdict);
        return taken switch
        {
            { IsNews: false } => new(
                alert.Fingerprint,
                "repeated",
                verdict.Rule,
                $"it was received {taken.Record.Times} times, and is decided once: {verdict.Why}"
            ),
            { Record.ResolvedAt: not null } => new(alert.Fingerprint, "resolved", verdict.Rule, verdict.Why),
            _ => new(alert.Fingerprint, AlertDecision.InWords(verdict.State), verdict.Rule, verdict.Why),
        };
    }

    /// <summary>Whose token the request shows, in the one place where tokens are taken from.</summary>
    private StoredToken? Authenticated(HttpRequest request)
    {
        const string scheme = "Bearer ";
        string? shown = null;
        if (
            request.Headers.Authorization is [{ } header]
            && header.StartsWith(scheme, StringComparison.OrdinalIgnoreCase)
        )
            shown = header[scheme.Length..].Trim();
        // An address is written to logs and histories: whoever puts a token there has lost it, and must not find it working.
        // There is nothing else to be said in a query.
        var found = tokens.Find(shown);
        return request.QueryString.HasValue ? null : found;
    }

    private static bool IsJson(HttpRequest request) =>
        request.Headers.ContentEncoding.Count == 0
        && MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
        && type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
        && (!type.Charset.HasValue || type.Charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase));

    /// <returns>Its length; null when it is longer than the buffer.</returns>
    private static async Task<int?> BodyAsync(HttpContext context, byte[] buffer)
    {
        if (context.Request.ContentLength > WebhookMessage.MaxBytes)
            return null;
        var length = 0;
        while (true)
        {
            var room = buffer.AsMemory(length, WebhookMessage.MaxBytes + 1 - length);
            var read = await context.Request.Body.ReadAsync(room, context.RequestAborted);
            if (read == 0)
                return length;
            length += read;
            if (length > WebhookMessage.MaxBytes)
                return null;
        }
    }

    private Task RefuseAsync(HttpContext context, int status, string why, StoredToken token)
    {
        log.MessageRefused(token.Name, why);
        return RefuseAsync(context, status, why);
    }

    // What is left of the body is not waited for.
    private static Task RefuseAsync(HttpContext context, int status, string why)
    {
        context.Response.StatusCode = status;
        context.Response.Headers.Connection = "close";
        return context.Response.WriteAsJsonAsync(
            new ErrorAnswer(why),
            Json.ErrorAnswer,
            cancellationToken: context.RequestAborted
        );
    }

    private static void RetryAfter(HttpResponse response, int seconds) =>
        response.Headers.RetryAfter = Math.Max(1, seconds).ToString(CultureInfo.InvariantCulture);

    private void TellDenied(HttpRequest request)
    {
        if (!denials.TryTake(out var missed, out _))
            return;
        var more = missed == 0 ? "" : $" ({missed} earlier denials were not recorded)";
        // Not what was shown: it may be a token with a slip of the hand in it.
        var why =
            request.QueryString.HasValue ? "the address has a query"
            : request.Headers.Authorization.Count == 0 ? "no token was shown"
            : "the token is not known";
        log.Record(audit, new NewAudit("unknown", "none", request.Path.Value ?? "", "", "denied", why + more));
    }
}
