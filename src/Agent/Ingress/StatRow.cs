using System.Globalization;

namespace Appliance.Agent.Ingress;

/// <summary>One line of <c>show stat</c>: a frontend, a server, or all servers of a backend together.</summary>
internal sealed class StatRow
{
    private const string Frontend = "FRONTEND";
    private const string Backend = "BACKEND";

    private readonly Dictionary<string, int> columns;
    private readonly string[] cells;

    private StatRow(Dictionary<string, int> columns, string[] cells) => (this.columns, this.cells) = (columns, cells);

    public string Proxy => Text("pxname");

    public string Name => Text("svname");

    public bool IsFrontend => Name == Frontend;

    public bool IsBackend => Name == Backend;

    public bool IsServer => !IsFrontend && !IsBackend;

    public bool IsHttp => Text("mode") == "http";

    /// <summary>Requests under way; connections where requests are not told apart.</summary>
    public long Current => Number("scur");

    public long Waiting => Number("qcur");

    /// <summary>Tries: a request that was sent elsewhere after a refused connection counts once more.</summary>
    public long Sessions => Number("stot");

    public long Retries => Number("wretr");

    public long Redispatches => Number("wredis");

    /// <summary>Requests: of a server those that it answered, of a backend all. Null: not of HTTP.</summary>
    public long? Requests => columns.ContainsKey("req_tot") && Text("req_tot").Length > 0 ? Number("req_tot") : null;

    public long ServerErrors => Number("hrsp_5xx");

    public long ConnectionErrors => Number("econ");

    /// <summary>Answers that did not come, or broke off in their head.</summary>
    public long ResponseErrors => Number("eresp");

    /// <summary>Answers that broke off.</summary>
    public long ServerAborts => Number("srv_abrt");

    /// <summary>From the end of a request to the beginning of its answer, over the last 1024.</summary>
    public TimeSpan ResponseTime => TimeSpan.FromMilliseconds(Number("rtime"));

    public int Weight => (int)Number("uweight");

    /// <summary>Without its port; null: nobody's.</summary>
    public string? Address
    {
        get
        {
            var endpoint = Text("addr");
            var at = endpoint.LastIndexOf(':');
            var address = at < 0 ? endpoint : endpoint[..at].Trim('[', ']');
            return address is "" or HaproxyText.Nobody ? null : address;
        }
    }

    public ServerState State =>
        Text("status") switch
        {
            var s when s.StartsWith("MAINT", StringComparison.Ordinal) => ServerState.Maintenance,
            var s when s.StartsWith("DRAIN", StringComparison.Ordinal) => ServerState.Draining,
            _ => ServerState.Ready,
        };

    /// <summary>Of a frontend: whether clients are connected that have asked nothing, and may.</summary>
    public bool HasIdleClients =>
        Number("h1_open_connections") > Number("h1_open_streams") || Number("h2_open_connections") > 0;

    public ServerSlot ToSlot() => new(Proxy, Name, Address, State, Weight, Current + Waiting);

    public static List<ServerSlot> SlotsOf(IReadOnlyList<StatRow> rows) =>
        [.. rows.Where(r => r.IsServer).Select(r => r.ToSlot())];

    /// <exception cref="HaproxyException">It is no answer to <c>show stat</c>, or not a whole one.</exception>
    public static IReadOnlyList<StatRow> Parse(string answer)
    {
        if (!answer.StartsWith("# pxname,", StringComparison.Ordinal))
            throw new HaproxyException($"not an answer to show stat: {RuntimeApi.Brief(answer)}", isGone: false);
        var lines = answer.Split('\n');
        var names = lines[0][2..].Split(',');
        var places = new Dictionary<string, int>(names.Length);
        for (var i = 0; i < names.Length; i++)
            places.TryAdd(names[i], i);
        var rows = new List<StatRow>(lines.Length);
        foreach (var line in lines.Skip(1).Where(l => l.Length > 0))
        {
            // Descriptions may be quoted, and are behind all that is read here; nothing of ours has any.
            var values = line.Split(',');
            if (!places.TryGetValue("status", out var status) || values.Length <= status)
                throw new HaproxyException($"a line of show stat is cut off: {RuntimeApi.Brief(line)}", isGone: false);
            rows.Add(new StatRow(places, values));
        }
        return rows;
    }

    private string Text(string column) => columns.TryGetValue(column, out var at) && at < cells.Length ? cells[at] : "";

    private long Number(string column) =>
        long.TryParse(Text(column), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            ? number
            : 0;
}
