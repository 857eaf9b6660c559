using System.Collections;
using System.Reflection;
using Appliance.Bundles.Compose;

namespace Appliance.Bundles.Tests.Compose;

internal static class RoundTrip
{
    /// <summary>What is printed reads back as the same model, prints the same again, and gives no finding but warnings.</summary>
    public static void Check(ComposeModel model, string folder, Allowances? allowances = null)
    {
        // Everything is written out in the text: no variable may be needed to read it.
        var options = new ComposeOptions { Allowances = allowances ?? Allowances.None };
        foreach (var text in new[] { ComposeText.ToYaml(model), ComposeText.ToJson(model) })
        {
            var again = Cases.Good(Cases.Parse(text, options, folder));
            Assert.Equal(Describe(model), Describe(again));
            Assert.Equal(ComposeText.ToYaml(model), ComposeText.ToYaml(again));
        }
    }

    // Records compare lists by reference, so every property is written out instead; of mounts, those with further options
    // are printed under a key of their own, after the others.
    private static string Describe(object? value) =>
        value switch
        {
            null => "null",
            string text => $"\"{text}\"",
            decimal number => number.ToString("0.#########", System.Globalization.CultureInfo.InvariantCulture),
            IReadOnlyList<Mount> mounts => List(mounts.OrderBy(m => m.Target)),
            IEnumerable list => List(list),
            _ when value.GetType() is { IsPrimitive: true } or { IsEnum: true } || value is TimeSpan => $"{value}",
            _ =>
                $"{value.GetType().Name}{{{string.Join(
                ", ",
                value.GetType()
                    .GetProperties(BindingFlags.Public | BindingFlags.Instance)
                    .Where(p => p.GetIndexParameters().Length == 0)
                    .Select(p => $"{p.Name}={Describe(p.GetValue(value))}"))}}}",
        };

    private static string List(IEnumerable list) => $"[{string.Join(", ", list.Cast<object?>().Select(Describe))}]";
}
