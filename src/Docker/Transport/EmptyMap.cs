using System.Collections.ObjectModel;

namespace Appliance.Docker;

/// <summary>The one empty dictionary of a type: the engine writes <c>null</c> for an empty map, or leaves it out.</summary>
internal static class EmptyMap
{
    public static IReadOnlyDictionary<string, T> Of<T>() => ReadOnlyDictionary<string, T>.Empty;
}
