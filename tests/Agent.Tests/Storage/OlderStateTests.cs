using System.Globalization;
using Appliance.Agent.Storage;
using Microsoft.Data.Sqlite;

namespace Appliance.Agent.Tests.Storage;

/// <summary>A damaged state file that an older agent wrote: fewer tables, with fewer columns.</summary>
public sealed class OlderStateTests
{
    /// <summary>Each of the agents before this one, by how many steps its tables had.</summary>
    public static TheoryData<int> Earlier => [.. Enumerable.Range(1, Schema.Version - 1)];

    [Theory]
    [MemberData(nameof(Earlier))]
    public void All_that_it_holds_is_carried_over_and_what_came_later_has_its_default(int version)
    {
        using var scratch = new ScratchState();
        var before = Write(scratch.File, version);
        Damage.LastPageOf(scratch.File);

        using var state = scratch.Open();

        // Tables that it did not have are no loss, or nothing would be given back before the next commit.
        Assert.Equal(["events"], state.Database.Replaced!.Lost);
        Assert.True(new UpdateJournal(state.Database, scratch.Clock).KnowsAll);
        before.Remove("events");
        foreach (var (table, rows) in before)
            Assert.Equal(
                rows.Select(r => $"{table}: {Text(WithDefaults(state.Database, table, r))}"),
                state.Database.Read(c => RowsOf(c, table)).Select(r => $"{table}: {Text(r)}")
            );
    }

    [Fact]
    public void What_people_rely_on_is_found_where_it_is_looked_for()
    {
        using var scratch = new ScratchState();
        Write(scratch.File, Schema.Version - 1);
        Damage.LastPageOf(scratch.File);

        using var state = scratch.Open();

        var journal = new UpdateJournal(state.Database, scratch.Clock);
        Assert.Equal("digest", journal.Current?.Digest);
        Assert.Equal(new byte[] { 1 }, Assert.Single(new TrustTable(state.Database).Load()!.Roots));
        Assert.Equal("reason", state.Wishes.Of("service")?.Reason);
        Assert.Equal("name", Assert.Single(new TokenTable(state.Database).All).Name);
        Assert.Equal("reason", new Holds(state.Database, scratch.Clock).Last?.Reason);
        var operation = Assert.Single(journal.Newest(10));
        Assert.Equal((OperationState.Done, "to_version"), (operation.State, operation.ToVersion));
        Assert.Single(journal.Steps(operation.Id));
        // The next one gets an id of its own.
        state.Audit.Append(Samples.Audit());
        Assert.Equal(2, state.Database.Read(c => c.Number("SELECT max(id) FROM audit")));
    }

    [Fact]
    public void A_table_that_it_should_have_and_has_not_is_lost()
    {
        using var scratch = new ScratchState();
        Write(scratch.File, 2);
        using (var old = Open(scratch.File))
            old.Execute("DROP TABLE installed");
        Damage.LastPageOf(scratch.File);

        using var state = scratch.Open();

        Assert.Equal(["installed", "events"], state.Database.Replaced!.Lost);
        Assert.False(new UpdateJournal(state.Database, scratch.Clock).KnowsAll);
    }

    /// <summary>A row in each table that there is, and so many events that the last page is theirs.</summary>
    private static Dictionary<string, List<Dictionary<string, object?>>> Write(string file, int version)
    {
        using var old = Open(file);
        Schema.Migrate(old, version);
        var tables = old.Rows("SELECT name FROM sqlite_schema WHERE type = 'table'", r => r.GetString(0));
        var known = Schema.Tables.Intersect(tables).ToList();
        foreach (var table in known)
            Fill(old, table);
        for (var i = 0; i < 500; i++)
            old.Execute(
                "INSERT INTO events (time, severity, kind, found, done) VALUES (?1, 'Info', 'test', ?2, '')",
                i,
                new string('x', 200)
            );
        return known.ToDictionary(t => t, t => RowsOf(old, t));
    }

    private static SqliteConnection Open(string file)
    {
        SystemSqlite.Use();
        var connection = new SqliteConnection($"Data Source={file};Pooling=False");
        connection.Open();
        return connection;
    }

    private static void Fill(SqliteConnection connection, string table)
    {
        var columns = Columns(connection, table);
        var values = string.Join(
            ", ",
            columns.Select(c =>
                (table, c.Name, c.Type) switch
                {
                    ("installed", "slot", _) => "'current'",
                    ("trust", "role", _) => "'root'",
                    (_, "state", _) => "'Done'",
                    (_, "kind", _) => "'Install'",
                    (_, "phase", _) => "'Pruned'",
                    (_, "outcome", _) => "'Done'",
                    (_, "severity", _) => "'Info'",
                    (_, _, "TEXT") => $"'{c.Name}'",
                    (_, _, "BLOB") => "x'01'",
                    _ => "1",
                }
            )
        );
        connection.Execute($"INSERT INTO {table} ({string.Join(", ", columns.Select(c => c.Name))}) VALUES ({values})");
    }

    private static List<(string Name, string Type, object? Default)> Columns(
        SqliteConnection connection,
        string table
    ) =>
        connection.Rows(
            "SELECT name, type, dflt_value FROM pragma_table_info(?1) ORDER BY name",
            r => (r.GetString(0), r.GetString(1), r.IsDBNull(2) ? null : (object?)r.GetString(2).Trim('\'')),
            table
        );

    private static List<Dictionary<string, object?>> RowsOf(SqliteConnection connection, string table) =>
        connection.Rows(
            $"SELECT * FROM {table}",
            r => Enumerable.Range(0, r.FieldCount).ToDictionary(r.GetName, i => r.IsDBNull(i) ? null : r.GetValue(i))
        );

    private static Dictionary<string, object?> WithDefaults(
        Database now,
        string table,
        Dictionary<string, object?> row
    ) =>
        now.Read(c => Columns(c, table))
            .ToDictionary(c => c.Name, c => row.TryGetValue(c.Name, out var value) ? value : c.Default);

    private static string Text(Dictionary<string, object?> row) =>
        string.Join(
            ", ",
            row.OrderBy(c => c.Key, StringComparer.Ordinal)
                .Select(c =>
                    $"{c.Key}={(c.Value is byte[] bytes ? Convert.ToHexString(bytes) : Convert.ToString(c.Value, CultureInfo.InvariantCulture) ?? "null")}"
                )
        );
}
