using Appliance.V1;

namespace Appliance.Cli.Output;

/// <summary>Tokens, a line each.</summary>
internal static class IdentityView
{
    public static void WriteList(Screen screen, IReadOnlyCollection<Token> tokens, DateTimeOffset now)
    {
        if (tokens.Count == 0)
        {
            screen.WriteLine("There are no tokens.");
            return;
        }
        var table = new Table("NAME", "ROLE", "CREATED", "LAST USED", "BY");
        foreach (var t in tokens)
            table.Add(
                t.Name,
                t.Role,
                Ages.Local(t.CreatedAt),
                t.LastUsedAt is null ? "never" : Ages.Ago(t.LastUsedAt, now),
                t.CreatedBy
            );
        table.WriteTo(screen);
    }
}
