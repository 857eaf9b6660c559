using Appliance.Agent.Alerts;
using Appliance.Agent.Storage;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace Appliance.Agent.Control;

internal sealed class IdentityService(WebhookTokens tokens) : V1.IdentityService.IdentityServiceBase
{
    public override Task<V1.CreateTokenResponse> CreateToken(V1.CreateTokenRequest request, ServerCallContext context)
    {
        // People are known by their groups; a token with one of their roles would be a way around that.
        if (request.Role is not WebhookTokens.Role)
            throw Rpc.Error(StatusCode.InvalidArgument, $"role must be {WebhookTokens.Role}");
        return tokens.Make(request.Name, context.GetCaller().Actor) switch
        {
            NewToken.Made made => Task.FromResult(
                new V1.CreateTokenResponse { Token = ToMessage(made.Token), Secret = made.Secret }
            ),
            NewToken.Refused refused => throw Rpc.Error(StatusCode.FailedPrecondition, refused.Why),
            _ => throw new InvalidOperationException("a token is made or refused"),
        };
    }

    public override Task<V1.ListTokensResponse> ListTokens(V1.ListTokensRequest request, ServerCallContext context) =>
        Task.FromResult(new V1.ListTokensResponse { Tokens = { tokens.All.Select(ToMessage) } });

    public override Task<V1.RevokeTokenResponse> RevokeToken(
        V1.RevokeTokenRequest request,
        ServerCallContext context
    ) =>
        tokens.Revoke(request.Name)
            ? Task.FromResult(new V1.RevokeTokenResponse())
            : throw Rpc.NoSuch("token", request.Name, tokens.All.Select(t => t.Name));

    private static V1.Token ToMessage(StoredToken token) =>
        new()
        {
            Name = token.Name,
            Role = token.Role,
            CreatedAt = token.CreatedAt.ToTimestamp(),
            CreatedBy = token.CreatedBy,
            LastUsedAt = token.LastUsed?.ToTimestamp(),
        };
}
