using System.Collections.ObjectModel;
using System.Diagnostics.CodeAnalysis;
using Grpc.Core.Interceptors;
using Microsoft.Extensions.DependencyInjection;

namespace Grpc.AspNetCore.Server;

/// <summary>One step before the handlers: its type, made for each call from the call's services.</summary>
public class InterceptorRegistration
{
    private readonly object[] arguments;
    private readonly ObjectFactory factory;

    internal InterceptorRegistration(
        [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] Type type,
        object[] arguments
    )
    {
        if (!typeof(Interceptor).IsAssignableFrom(type))
            throw new ArgumentException($"{type} is not an {nameof(Interceptor)}.", nameof(type));
        Type = type;
        this.arguments = arguments;
        factory = ActivatorUtilities.CreateFactory(type, [.. arguments.Select(argument => argument.GetType())]);
    }

    /// <summary>The interceptor's type.</summary>
    [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)]
    public Type Type { get; }

    /// <summary>Constructor arguments given beside those that come from the services.</summary>
    public IReadOnlyList<object> Arguments => arguments;

    // A registered interceptor belongs to its container; one made here is disposed by whoever asked for it.
    internal Interceptor Create(IServiceProvider services, out bool owned)
    {
        owned = false;
        if (arguments.Length == 0 && services.GetService(Type) is Interceptor registered)
            return registered;
        owned = true;
        return (Interceptor)factory(services, arguments);
    }
}

/// <summary>The steps before each handler, in the order in which they see a call.</summary>
public class InterceptorCollection : Collection<InterceptorRegistration>
{
    /// <summary>Adds an interceptor; <paramref name="args"/> fill constructor parameters that services do not.</summary>
    public void Add<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TInterceptor>(
        params object[] args
    )
        where TInterceptor : Interceptor => Add(typeof(TInterceptor), args);

    /// <summary>Adds an interceptor; <paramref name="args"/> fill constructor parameters that services do not.</summary>
    /// <exception cref="ArgumentException">The type is not an interceptor.</exception>
    public void Add(
        [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] Type interceptorType,
        params object[] args
    )
    {
        ArgumentNullException.ThrowIfNull(interceptorType);
        ArgumentNullException.ThrowIfNull(args);
        Add(new InterceptorRegistration(interceptorType, args));
    }
}
