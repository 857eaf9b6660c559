namespace Grpc.Core;

/// <summary>The methods of a service together with their handlers.</summary>
public class ServerServiceDefinition
{
    private readonly List<Action<ServiceBinderBase>> additions;

    private ServerServiceDefinition(List<Action<ServiceBinderBase>> additions) => this.additions = additions;

    /// <summary>Starts an empty definition.</summary>
    public static Builder CreateBuilder() => new();

    internal void BindService(ServiceBinderBase binder)
    {
        foreach (var add in additions)
            add(binder);
    }

    /// <summary>Collects methods.</summary>
    public class Builder
    {
        private readonly List<Action<ServiceBinderBase>> additions = [];
        private readonly HashSet<string> names = [];

        /// <summary>Adds a unary method.</summary>
        /// <exception cref="ArgumentException">The method was added before.</exception>
        public Builder AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method,
            UnaryServerMethod<TRequest, TResponse> handler
        )
            where TRequest : class
            where TResponse : class => Add(method, binder => binder.AddMethod(method, handler));

        /// <summary>Adds a client-streaming method.</summary>
        /// <exception cref="ArgumentException">The method was added before.</exception>
        public Builder AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method,
            ClientStreamingServerMethod<TRequest, TResponse> handler
        )
            where TRequest : class
            where TResponse : class => Add(method, binder => binder.AddMethod(method, handler));

        /// <summary>Adds a server-streaming method.</summary>
        /// <exception cref="ArgumentException">The method was added before.</exception>
        public Builder AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method,
            ServerStreamingServerMethod<TRequest, TResponse> handler
        )
            where TRequest : class
            where TResponse : class => Add(method, binder => binder.AddMethod(method, handler));

        /// <summary>Adds a duplex-streaming method.</summary>
        /// <exception cref="ArgumentException">The method was added before.</exception>
        public Builder AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method,
            DuplexStreamingServerMethod<TRequest, TResponse> handler
        )
            where TRequest : class
            where TResponse : class => Add(method, binder => binder.AddMethod(method, handler));

        /// <summary>The definition so far.</summary>
        public ServerServiceDefinition Build() => new([.. additions]);

        private Builder Add(IMethod method, Action<ServiceBinderBase> addition)
        {
            ArgumentNullException.ThrowIfNull(method);
            if (!names.Add(method.FullName))
                throw new ArgumentException($"{method.FullName} was added before.", nameof(method));
            additions.Add(addition);
            return this;
        }
    }
}
