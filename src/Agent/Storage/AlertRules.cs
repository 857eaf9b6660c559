using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Data.Sqlite;

namespace Appliance.Agent.Storage;

/// <summary>What an alert may make the appliance do.</summary>
internal enum AlertAction
{
    Nothing,
    Restart,
    Recreate,
    Run,
    Reboot,
}

/// <summary>What the administrator wants done when an alert with these labels fires.</summary>
/// <param name="Matchers">All must be labels of the alert, with exactly these values.</param>
/// <param name="Service">Whom the action is for; null for those that are for the machine, or for nobody.</param>
/// <param name="CoolDown">How long the rule rests after it acted.</param>
/// <param name="IsDryRun">What would be done is recorded, and not done.</param>
/// <param name="LastAt">When it acted last.</param>
internal sealed record AlertRule(
    string Name,
    IReadOnlyDictionary<string, string> Matchers,
    AlertAction Action,
    string? Service,
    TimeSpan CoolDown,
    bool IsDryRun,
    DateTimeOffset? LastAt
);

/// <summary>The administrator's rules, in the order in which they are tried.</summary>
internal sealed class AlertRules(Database database)
{
    public IReadOnlyList<AlertRule> InOrder() => database.Read(InOrder);

    /// <summary>Puts a rule in the place of the one of that name, or last, or before another.</summary>
    /// <param name="before">Null: it stays where it is, or comes last.</param>
    /// <returns>Whether there was one of that name.</returns>
    /// <exception cref="StorageException">It could not be made durable, and does not count.</exception>
    public bool Put(AlertRule rule, string? before) =>
        database.Promise(c =>
        {
            var rules = InOrder(c);
            var at = rules.FindIndex(r => r.Name == rule.Name);
            var replaced = at >= 0;
            if (replaced)
            {
                // A rule that is changed may not act again sooner for it; what it did on trial does not count.
                if (rules[at].IsDryRun == rule.IsDryRun)
                    rule = rule with { LastAt = rules[at].LastAt };
                rules.RemoveAt(at);
            }
            if (before is not null)
                at = rules.FindIndex(r => r.Name == before);
            rules.Insert(at < 0 ? rules.Count : at, rule);
            Write(c, rules);
            return replaced;
        });

    /// <returns>False: there is none of that name.</returns>
    /// <exception cref="StorageException">It could not be made durable, and the rule still counts.</exception>
    public bool Remove(string name) =>
        database.Promise(c => c.Execute("DELETE FROM alert_rules WHERE name = ?1", name) > 0);

    /// <summary>As part of a transaction: the alert journal decides by what the rules are while it writes.</summary>
    internal static List<AlertRule> InOrder(SqliteConnection c) =>
        c.Rows(
            """
            SELECT name, matchers, action, service, cool_down, dry_run, last_at FROM alert_rules ORDER BY position
            """,
            r => new AlertRule(
                r.GetString(0),
                StoredLabels.Read(r.GetString(1)),
                Enum.Parse<AlertAction>(r.GetString(2)),
                r.Text(3),
                TimeSpan.FromMilliseconds(r.GetInt64(4)),
                r.GetInt64(5) != 0,
                r.IsDBNull(6) ? null : r.Time(6)
            )
        );

    internal static void Acted(SqliteConnection c, string rule, DateTimeOffset at) =>
        c.Execute("UPDATE alert_rules SET last_at = ?2 WHERE name = ?1", rule, at.ToUnixTimeMilliseconds());

    private static void Write(SqliteConnection c, List<AlertRule> rules)
    {
        c.Execute("DELETE FROM alert_rules");
        foreach (var (position, rule) in rules.Index())
            c.Execute(
                """
                INSERT INTO alert_rules (name, position, matchers, action, service, cool_down, dry_run, last_at)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                """,
                rule.Name,
                position,
                StoredLabels.Write(rule.Matchers),
                rule.Action.ToString(),
                rule.Service,
                (long)rule.CoolDown.TotalMilliseconds,
                rule.IsDryRun ? 1 : 0,
                rule.LastAt?.ToUnixTimeMilliseconds()
            );
    }
}

/// <summary>Labels as one column.</summary>
internal static class StoredLabels
{
    public static string Write(IReadOnlyDictionary<string, string> labels) =>
        JsonSerializer.Serialize(
            new SortedDictionary<string, string>(labels.ToDictionary(), StringComparer.Ordinal),
            StoredLabelsJson.Default.SortedDictionaryStringString
        );

    public static IReadOnlyDictionary<string, string> Read(string text) =>
        JsonSerializer.Deserialize(text, StoredLabelsJson.Default.DictionaryStringString)!;
}

[JsonSerializable(typeof(SortedDictionary<string, string>))]
[JsonSerializable(typeof(Dictionary<string, string>))]
internal sealed partial class StoredLabelsJson : JsonSerializerContext;
