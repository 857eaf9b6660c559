using System.CommandLine;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Cli.Commands;

/// <summary>The yes that a change needs: given on the command line, or asked for on a terminal.</summary>
internal sealed class Confirmation
{
    private readonly bool given;

    /// <exception cref="UnconfirmedException">It was not given, and there is no terminal to ask on.</exception>
    public Confirmation(bool given)
    {
        if (!given && (Console.IsInputRedirected || Console.IsErrorRedirected))
            throw new UnconfirmedException();
        this.given = given;
    }

    public static Option<bool> Option() => new("--yes", "-y") { Description = "Do it without being asked" };

    /// <summary>Whether to go on. Anything but a yes is a no.</summary>
    public bool Confirms(Session session, string question)
    {
        if (given)
            return true;
        session.Error.Write($"{question} [y/N] ");
        if (ReadLine().Trim().ToLowerInvariant() is "y" or "yes")
            return true;
        session.Error.WriteLine("Nothing was changed.");
        return false;
    }

    /// <summary>Straight from the kernel, which ends the line and obeys Ctrl-C: the console would take keys for itself.</summary>
    private static string ReadLine()
    {
        using var input = new FileStream(new SafeFileHandle(0, ownsHandle: false), FileAccess.Read, bufferSize: 0);
        using var reader = new StreamReader(input);
        return reader.ReadLine() ?? "";
    }
}
