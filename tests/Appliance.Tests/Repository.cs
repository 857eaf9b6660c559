namespace Appliance.Tests;

/// <summary>Where the tests were built.</summary>
internal static class Repository
{
    /// <summary>The root of the repository.</summary>
    public static string Root { get; } = FindRoot();

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Agent.sln")))
            folder = folder.Parent ?? throw new InvalidOperationException("the tests run outside of their repository");
        return folder.FullName;
    }
}
