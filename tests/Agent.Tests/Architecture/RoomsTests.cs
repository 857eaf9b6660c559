using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Appliance.Agent.Tests.Architecture;

public sealed partial class RoomsTests
{
    /// <summary>In the order in which data flows: a room uses those before it, never those after.</summary>
    private static readonly string[] Rooms =
    [
        "Storage",
        "Host",
        "Sources",
        "Trust",
        "Content",
        "Supervision",
        "Ingress",
        "Health",
        "Backups",
        "Updates",
        "Healing",
        "Alerts",
        "Drills",
        "Observability",
        "Control",
        "Link",
    ];

    private static readonly Dictionary<string, string[]> Projects = new()
    {
        ["Grpc"] = [],
        ["Docker"] = [],
        ["Tuf"] = [],
        ["Bundles"] = ["Tuf"],
        ["Agent.Protos"] = ["Grpc"],
        ["Agent"] = ["Grpc", "Docker", "Bundles", "Agent.Protos"],
        ["Agent.Cli"] = ["Grpc", "Docker", "Bundles", "Agent.Protos"],
    };

    private static readonly string Source = Path.Combine(RepositoryRoot(), "src");

    [Fact]
    public void No_room_uses_a_later_one()
    {
        var wrong =
            from room in Directory.GetDirectories(Path.Combine(Source, "Agent"))
            let name = Path.GetFileName(room)
            where Rooms.Contains(name)
            from file in Directory.GetFiles(room, "*.cs", SearchOption.AllDirectories)
            from used in RoomsUsedIn(File.ReadAllText(file))
            where Array.IndexOf(Rooms, used) > Array.IndexOf(Rooms, name)
            select $"{name}/{Path.GetFileName(file)} uses {used}";
        Assert.Empty(wrong);
    }

    [Fact]
    public void Every_folder_is_a_room_and_every_namespace_its_own()
    {
        var folders = Directory.GetDirectories(Path.Combine(Source, "Agent")).Select(f => Path.GetFileName(f)!);
        Assert.Empty(folders.Except([.. Rooms, "bin", "obj"]));
        var wrong =
            from room in Rooms
            let folder = Path.Combine(Source, "Agent", room)
            where Directory.Exists(folder)
            from file in Directory.GetFiles(folder, "*.cs", SearchOption.AllDirectories)
            where !File.ReadAllText(file).Contains($"namespace Appliance.Agent.{room};", StringComparison.Ordinal)
            select $"{room}/{Path.GetFileName(file)}";
        Assert.Empty(wrong);
    }

    [Theory]
    [InlineData("using Appliance.Agent.Control;", "Control")]
    [InlineData("using Views = Appliance.Agent.Supervision.Views;", "Supervision")]
    [InlineData("/// <exception cref=\"Appliance.Agent.Storage.StorageException\">", "Storage")]
    [InlineData("Control.Role role;", "Control")]
    [InlineData("/// <exception cref=\"Control.Role\">", "Control")]
    [InlineData("using Appliance.Docker;")]
    [InlineData("engine.Health.Check(); AccessControl.None();")]
    [InlineData("// Health comes later. And Control too.")]
    public void A_use_is_seen_however_it_is_written(string code, params string[] rooms) =>
        Assert.Equal(rooms, RoomsUsedIn(code));

    [Fact]
    public void Projects_reference_only_what_the_design_allows()
    {
        var wrong =
            from project in Directory.GetFiles(Source, "*.csproj", SearchOption.AllDirectories)
            let name = Path.GetFileNameWithoutExtension(project)
            from reference in ReferencesOf(project)
            where !Projects.TryGetValue(name, out var allowed) || !allowed.Contains(reference)
            select $"{name} references {reference}";
        Assert.Empty(wrong);
    }

    // By full name, or by the room's name alone, which the enclosing namespace makes enough.
    private static IEnumerable<string> RoomsUsedIn(string code) =>
        RoomName().Matches(code).Select(m => m.Groups["room"].Value).Where(Rooms.Contains).Distinct();

    private static IEnumerable<string> ReferencesOf(string project)
    {
        var document = XDocument.Load(project);
        foreach (var reference in document.Descendants("ProjectReference"))
            yield return Path.GetFileNameWithoutExtension(reference.Attribute("Include")!.Value.Replace('\\', '/'));
        if (document.Descendants("UsesGrpc").Any(u => u.Value == "true"))
            yield return "Grpc";
    }

    private static string RepositoryRoot([CallerFilePath] string thisFile = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(thisFile)!, "..", "..", ".."));

    [GeneratedRegex(
        @"(?:\bAppliance\.Agent\.|\bAgent\.|(?<![.\w]))(?<room>[A-Z]\w+)(?=\.[A-Z]|;)",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 10_000
    )]
    private static partial Regex RoomName();
}
