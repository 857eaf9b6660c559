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

    /// <summary>Whether to lose what was written since a moment: a yes is not enough for that, it takes the moment itself.</summary>
    /// <exception cref="UnconfirmedException">It was not given, and nobody can be asked.</exception>
    public bool ConfirmsLoss(Session session, string since, string? agreed)
    {
        if (agreed is not null)
            return agreed == since || Refuse(session, $"What would be lost is what was written since {since}.");
        if (given)
            throw new UnconfirmedException(
                $"this loses what was written since {since}, which takes more than a yes",
                $"Add --lose-data-since {since} to agree to that."
            );
        session.Error.Write($"To lose what was written since then, type {since}: ");
        return ReadLine().Trim() == since || Refuse(session, "That is not it.");
    }

    private static bool Refuse(Session session, string why)
    {
        session.Error.WriteLine($"{why} Nothing was changed.");
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
