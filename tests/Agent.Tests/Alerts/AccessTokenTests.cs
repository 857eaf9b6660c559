using Appliance.Agent.Alerts;
using Appliance.Agent.Storage;
using Appliance.Agent.Tests.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace Appliance.Agent.Tests.Alerts;

public sealed class AccessTokenTests
{
    [Fact]
    public void A_token_is_known_by_its_prefix_and_a_slip_of_the_hand_by_its_checksum()
    {
        var token = AccessToken.Mint();
        Assert.Matches("^appliance_wh_[A-Za-z0-9_-]{43}[0-9a-f]{8}$", token);
        Assert.True(AccessToken.IsWellFormed(token));
        for (var i = 0; i < token.Length; i++)
            Assert.False(AccessToken.IsWellFormed($"{token[..i]}{(token[i] == 'a' ? 'b' : 'a')}{token[(i + 1)..]}"));
        Assert.False(AccessToken.IsWellFormed(""));
        Assert.False(AccessToken.IsWellFormed(token + "a"));
        Assert.False(AccessToken.IsWellFormed(token[..^9] + "é" + token[^8..]));
        Assert.NotEqual(token, AccessToken.Mint());
    }

    [Fact]
    public void A_token_is_found_until_it_is_revoked_and_no_other_is()
    {
        using var state = new ScratchState();
        using var open = state.Open();
        var tokens = new WebhookTokens(new TokenTable(open.Database), state.Clock, NullLogger<WebhookTokens>.Instance);
        var first = Assert.IsType<NewToken.Made>(tokens.Make("first", "uid:0 (root)"));
        var second = Assert.IsType<NewToken.Made>(tokens.Make("second", "uid:0 (root)"));
        Assert.Equal("first", tokens.Find(first.Secret)?.Name);
        Assert.Equal("second", tokens.Find(second.Secret)?.Name);
        Assert.Null(tokens.Find(AccessToken.Mint()));
        Assert.Null(tokens.Find(null));
        Assert.Null(tokens.Find(Convert.ToHexString(first.Token.Hash.AsSpan())));

        Assert.StartsWith("there is a token", Assert.IsType<NewToken.Refused>(tokens.Make("first", "x")).Why);
        Assert.StartsWith("name must be", Assert.IsType<NewToken.Refused>(tokens.Make("First one", "x")).Why);
        Assert.True(tokens.Revoke("first"));
        Assert.False(tokens.Revoke("first"));
        Assert.Null(tokens.Find(first.Secret));
        Assert.Equal("second", tokens.Find(second.Secret)?.Name);
    }

    [Fact]
    public void A_token_of_another_role_reports_no_alerts()
    {
        using var state = new ScratchState();
        using var open = state.Open();
        var table = new TokenTable(open.Database);
        var secret = AccessToken.Mint();
        table.Add(new StoredToken("x", "viewer", [.. AccessToken.HashOf(secret)], default, "", null));
        Assert.Null(new WebhookTokens(table, state.Clock, NullLogger<WebhookTokens>.Instance).Find(secret));
    }
}
